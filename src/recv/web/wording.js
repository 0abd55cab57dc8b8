// Puts freshness into words. The reasons come from the server, which has a fixed set of them.

const capitalise = (text) => text.charAt(0).toUpperCase() + text.slice(1);

// "0.4 s", "12 s", "5 min", "3 h", "2 days". A no-break space keeps number and unit on one line.
export function formatDuration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)}\u00a0s`;
  if (seconds < 120) return `${Math.floor(seconds)}\u00a0s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}\u00a0min`;
  if (seconds < 172800) return `${Math.floor(seconds / 3600)}\u00a0h`;
  return `${Math.floor(seconds / 86400)}\u00a0days`;
}

// Describes a stream with this freshness, whose picture is age seconds old now. hadPicture: this page has shown one before.
// Returns {state, words, age}: state is a colour of style.css, age a text, perhaps empty.
export function describeStream(freshness, age, hadPicture = false) {
  const reason = freshness.reason ? ` — ${freshness.reason}` : "";
  if (freshness.frame === null) {
    const why = freshness.reason && freshness.reason !== "no picture yet" ? reason : "";
    const none = hadPicture ? "No picture since the server started" : "No picture yet";
    return { state: freshness.state, words: none + why, age: "" };
  }
  if (freshness.state === "live") return { state: "live", words: "Live", age: formatDuration(age) };
  return { state: freshness.state, words: capitalise(freshness.state) + reason, age: `picture ${formatDuration(age)} old` };
}

// Describes all streams together, by their states ("live", "stalled", "stale"): {state, words}. The worst state counts.
export function describeAll(states) {
  const live = states.filter((state) => state === "live").length;
  const worst = states.includes("stale") ? "stale" : states.includes("stalled") ? "stalled" : "live";
  return { state: worst, words: live === states.length ? "All live" : `${live} of ${states.length} live` };
}

// Says in words that the server does not answer, or that it, or a proxy, answers with an HTTP error; 0: no answer at all.
export function describeLost(httpStatus) {
  if (httpStatus === 401 || httpStatus === 403) return "Not allowed to see this any more";
  if (httpStatus === 404) return "This is no longer here";
  return "No contact with the server";
}
