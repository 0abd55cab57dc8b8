// Scrolls the page to an element and waits until that is drawn. Returns false if there is no such element.
selector => {
    const element = document.querySelector(selector);
    if (!element)
        return false;
    element.scrollIntoView({block: "start", inline: "start", behavior: "instant"});
    // the second callback comes after the first frame was drawn
    return new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))));
}
