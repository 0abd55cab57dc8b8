// How a state is put into words. The reasons are the server's own fixed ones.

const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// 0.4 s, 12 s, 5 min, 3 h, 2 days; number and unit stay on one line
export function span(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)}\u00a0s`;
  if (seconds < 120) return `${Math.floor(seconds)}\u00a0s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}\u00a0min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)}\u00a0h`;
  return `${Math.floor(seconds / 86400)}\u00a0days`;
}

// What to say of a stream with this freshness, whose picture is age seconds old now: {state, words, age}. seen:
// there was a picture before.
export function describe(freshness, age, seen = false) {
  const reason = freshness.reason ? ` — ${freshness.reason}` : "";
  if (freshness.frame === null) {
    const why = freshness.reason && freshness.reason !== "no picture yet" ? reason : "";
    const none = seen ? "No picture since the server started" : "No picture yet";
    return { state: freshness.state, words: none + why, age: "" };
  }
  if (freshness.state === "live") return { state: "live", words: "Live", age: span(age) };
  return { state: freshness.state, words: capital(freshness.state) + reason, age: `picture ${span(age)} old` };
}

// What to say while the server does not answer, with the status of HTTP if it, or a proxy, refuses to.
export function describeLost(status) {
  if (status === 401 || status === 403) return "Not allowed to see this any more";
  if (status === 404) return "This is no longer here";
  return "No contact with the server";
}
