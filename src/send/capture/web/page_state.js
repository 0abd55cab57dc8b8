// Returns what the page shows: "form" if its log-in form is visible, "missing" if nothing matches expectSelector, else "right". A
// selector may be "": there is no log-in form, or nothing is expected.
(formSelector, expectSelector) => {
    const find = selector => selector && document.querySelector(selector);
    const form = find(formSelector);
    if (form && form.getClientRects().length)
        return "form";
    return expectSelector && !find(expectSelector) ? "missing" : "right";
}
