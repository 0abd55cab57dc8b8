// Scrolls the page to an element, and waits until it is drawn there. Gives whether there is such an element.
selector => {
    const element = document.querySelector(selector);
    if (!element)
        return false;
    element.scrollIntoView({block: "start", inline: "start", behavior: "instant"});
    return new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))));
}
