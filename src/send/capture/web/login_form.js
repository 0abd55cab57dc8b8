// Fills in the log-in form and submits it. Gives "submitted"; "elsewhere" if the document, or where its form leads, is not of
// origin; "incomplete" if a field is missing. Nothing of the page is called before its origin is known.
//
// This runs in a world of its own: there value is the browser's own setter, whatever a framework put over it in the page's world.
// The framework learns of the change by the events.
(origin, userSelector, passwordSelector, submitSelector, username, password) => {
    if (location.origin !== origin)
        return "elsewhere";
    const userField = document.querySelector(userSelector);
    const passwordField = document.querySelector(passwordSelector);
    const button = document.querySelector(submitSelector);
    if (!userField || !passwordField || !button)
        return "incomplete";

    const originOf = url => new URL(url || "", document.baseURI).origin;
    const form = passwordField.form;
    if (form && originOf(form.getAttribute("action")) !== origin)
        return "elsewhere";
    if (button.hasAttribute("formaction") && originOf(button.getAttribute("formaction")) !== origin)
        return "elsewhere";

    const fill = (field, value) => {
        field.focus();
        field.value = value;
        field.dispatchEvent(new InputEvent("input", {bubbles: true, composed: true, data: value, inputType: "insertText"}));
        field.dispatchEvent(new Event("change", {bubbles: true}));
    };
    fill(userField, username);
    fill(passwordField, password);
    button.click();
    return "submitted";
}
