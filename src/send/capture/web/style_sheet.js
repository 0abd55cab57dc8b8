// Applies a style sheet to the document. An adopted sheet is beyond the reach of the page's Content-Security-Policy. It is put in
// again where the page's scripts replace the list of adopted sheets while it loads.
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
