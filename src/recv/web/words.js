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

// What to say of a stream with this freshness, whose picture is age seconds old now: {state, words, age}.
export function describe(freshness, age) {
  const reason = freshness.reason ? ` — ${freshness.reason}` : "";
  if (freshness.frame === null) {
    const why = freshness.reason && freshness.reason !== "no picture yet" ? reason : "";
    return { state: freshness.state, words: `No picture yet${why}`, age: "" };
  }
  if (freshness.state === "live") return { state: "live", words: "Live", age: span(age) };
  return { state: freshness.state, words: capital(freshness.state) + reason, age: `picture ${span(age)} old` };
}
