// Fills in the log-in form and submits it. Returns "submitted"; "elsewhere" if the document or the form's action has another origin;
// "incomplete" if an element is missing. Checks the document's origin before it calls anything of the page.
//
// Runs in an isolated world: there value has the browser's own setter, even if a framework replaced it in the page's world. The
// framework learns of the change from the events.
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
