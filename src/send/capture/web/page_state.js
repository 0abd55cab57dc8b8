// Says whether the page is what it should be: "form" if it shows its log-in form, "missing" if it lacks what is expected of it, else
// "right". A selector may be "": there is no such form, or nothing is expected. A form that lies ready, but is not shown, is none.
(formSelector, expectSelector) => {
    const find = selector => selector && document.querySelector(selector);
    const form = find(formSelector);
    if (form && form.getClientRects().length)
        return "form";
    return expectSelector && !find(expectSelector) ? "missing" : "right";
}
