// Measures an element's bounding box in whole CSS pixels. Returns [x and y in the viewport, x and y in the document, width, height,
// the viewport's width and height]; null if there is no such element. With mayScroll, an element that fits the viewport is scrolled
// into it first.
(selector, mayScroll) => {
    const element = document.querySelector(selector);
    if (!element)
        return null;
    let box = element.getBoundingClientRect();
    if (mayScroll && box.width <= innerWidth && box.height <= innerHeight) {
        element.scrollIntoView({behavior: "instant", block: "nearest", inline: "nearest"});
        box = element.getBoundingClientRect();
    }
    const x = Math.floor(box.left), y = Math.floor(box.top);
    return [x, y, x + scrollX, y + scrollY, Math.ceil(box.right) - x, Math.ceil(box.bottom) - y, innerWidth, innerHeight];
}
