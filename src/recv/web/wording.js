// Puts freshness, and what goes wrong on the way to this browser, into words. docs/troubleshooting.md explains each of them. The
// reasons come from the server, which has a fixed set of them.

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
// Returns {state, words, age, cause}: state is a colour of style.css; age and cause are texts, perhaps empty. The cause is what is
// wrong already while the picture is still young enough to be live: the state is "troubled" then.
export function describeStream(freshness, age, hadPicture = false) {
  const reason = freshness.reason ? ` — ${freshness.reason}` : "";
  if (freshness.frame === null) {
    const why = freshness.reason && freshness.reason !== "no picture yet" ? reason : "";
    const none = hadPicture ? "No picture since the server started" : "No picture yet";
    return { state: freshness.state, words: none + why, age: "", cause: "" };
  }
  if (freshness.state === "live") {
    return { state: freshness.reason ? "troubled" : "live", words: "Live", age: formatDuration(age), cause: freshness.reason ?? "" };
  }
  return { state: freshness.state, words: capitalise(freshness.state) + reason, age: `picture ${formatDuration(age)} old`, cause: "" };
}

// Describes all streams together, by their freshness: {state, words}. The worst state counts.
export function describeAll(streams) {
  const count = (state) => streams.filter((freshness) => freshness.state === state).length;
  const live = count("live");
  const troubled = streams.filter((freshness) => freshness.state === "live" && freshness.reason).length;
  const state = count("stale") ? "stale" : count("stalled") ? "stalled" : troubled ? "troubled" : "live";
  const words = live === streams.length ? "All live" : `${live} of ${streams.length} live`;
  return { state, words: troubled ? `${words} · ${troubled} in trouble` : words };
}

export const REDIRECTED = 302; // the status of readResponse() for each kind of redirection

// What a response of fetch() with redirect: "manual" comes to: {status, refusal}. refusal is why ddrecv itself refuses; empty: it
// does not, or another server has answered in its place.
export function readResponse(response) {
  const status = response.type === "opaqueredirect" ? REDIRECTED : response.status;
  return { status, refusal: response.headers.get("X-Refusal") ?? "" };
}

// Says in words that there is no useful answer. status is that of HTTP, 0 if there was no answer at all; refusal as above. isGuess:
// there was none, but without credentials this is what is answered.
export function describeRefusal({ status, refusal, isGuess = false }) {
  if (isGuess) return "No answer; a log-in may be needed — reload this page";
  if (refusal) return `${capitalise(refusal)} — trying again`;
  if (!status) return "No contact with the server";
  if (status === 401 || status === REDIRECTED) return "Log-in needed — reload this page";
  if (status === 403) return "Not allowed to see this";
  if (status === 404) return "This is no longer here";
  if (status === 502 || status === 504) return `The proxy has no contact with the server (${status})`;
  if (status === 429 || status === 503) return `The proxy refuses for now (${status})`;
  if (status < 400) return "Something else answers at this address";
  return status < 500 ? `The server or its proxy refuses (${status})` : `The server or its proxy has failed (${status})`;
}
