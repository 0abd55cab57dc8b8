// The address of something on this site, whose pages may be under a sub-path of the proxy: path is relative to the page.
//
// After a bookmark such as https://user:password@host/ the page's own address has a password in it, and fetch() refuses whatever is
// relative to that. location.origin has none; the browser sends the password by itself.
export const siteUrl = (path) => new URL(path, location.origin + location.pathname).href;
