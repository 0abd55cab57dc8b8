// Applies a style sheet to the document. The page's Content-Security-Policy does not apply to adopted sheets. The sheet is adopted
// again later, in case the page's scripts replaced the list of adopted sheets while it loaded.
css => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    const adopt = () => {
        if (!document.adoptedStyleSheets.includes(sheet))
            document.adoptedStyleSheets.push(sheet);
    };
    adopt();
    document.addEventListener("DOMContentLoaded", adopt);
    addEventListener("load", adopt);
}
