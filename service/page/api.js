// Questions to the service: its key, waiting while it cannot answer, and what it refuses.

const KEY = "namelang-api-key";
const PATIENCE = 20_000; // ms until a server that says nothing counts as gone
const FIRST_WAIT = 500;
const LONGEST_WAIT = 5_000;
const PASSING = [429, 502, 503, 504];

/** "trouble" (a sentence), "recovered", "key" (was one refused?), "model" (another one serves). */
export const events = new EventTarget();

const tell = (type, detail) => events.dispatchEvent(new CustomEvent(type, { detail }));

let model;
let failures = 0;
let recovery = null;
let key = null; // waited for, with its resolve()

/** Ends the present wait for the service. */
export let retryNow = () => {};

/** No answer: `passing` where another try may bring one; `status` and `errors` are the service's. */
class Trouble extends Error {
  constructor(message, details) {
    super(message);
    Object.assign(this, details);
  }
}

/**
 * The answer of the service, waited for as long as it is away, busy, or in want of a key.
 * Throws Trouble that does not pass, or the signal's reason.
 */
export async function ask(path, body, signal) {
  for (;;) {
    const used = sessionStorage.getItem(KEY);
    try {
      const answer = await once(path, body, used, signal);
      failures = 0;
      return answer;
    } catch (error) {
      if (error.passing) await unless(signal, recovered(error));
      else if (error.status === 401) await unless(signal, keyOtherThan(used));
      else throw error;
    }
  }
}

export function giveKey(text) {
  sessionStorage.setItem(KEY, text);
  key?.resolve();
  key = null;
}

async function once(path, body, key, signal) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers.Authorization = `Bearer ${key}`;
  const options = body ? { method: "POST", body: JSON.stringify(body, wellFormed) } : {};
  const response = await reach(path, { ...options, headers }, signal);
  notice(response.headers.get("Namelang-Model"));
  const answer = await response.json().catch(() => {
    signal?.throwIfAborted();
    if (response.ok) throw new Trouble("The answer broke off.", { passing: true });
    return {};
  });
  if (response.ok) return answer;
  const { status } = response;
  const wait = 1000 * response.headers.get("Retry-After");
  const { detail = `The service answered ${status}.`, errors } = answer;
  throw new Trouble(detail, { passing: PASSING.includes(status), wait, status, errors });
}

async function reach(path, options, signal) {
  const signals = [AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])];
  try {
    return await fetch(path, { ...options, cache: "no-store", signal: AbortSignal.any(signals) });
  } catch {
    signal?.throwIfAborted();
    throw new Trouble("The service does not answer.", { passing: true });
  }
}

// A lone surrogate is no text: for its sake the service would refuse the whole body.
const wellFormed = (_, value) =>
  typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value;

function notice(tag) {
  if (model && tag && tag !== model) tell("model");
  model = tag ?? model;
}

/** One wait for all questions, so that a service that comes back is not stormed. */
function recovered({ message, wait }) {
  recovery ??= (async () => {
    tell("trouble", `${message} Trying again…`);
    do await pause(wait || Math.min(FIRST_WAIT * 2 ** failures++, LONGEST_WAIT));
    while (!(await alive()));
    tell("recovered");
    recovery = null;
  })();
  return recovery;
}

const alive = () => reach("/livez", {}).then((response) => response.ok, () => false);

function pause(milliseconds) {
  return new Promise((resolve) => {
    retryNow = resolve;
    setTimeout(resolve, milliseconds);
  });
}

function keyOtherThan(used) {
  if (sessionStorage.getItem(KEY) !== used) return null; // given since, for another question
  if (!key) {
    key = Promise.withResolvers();
    tell("key", Boolean(used));
  }
  return key.promise;
}

function unless(signal, promise) {
  if (!signal) return promise;
  signal.throwIfAborted();
  const aborted = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
  });
  return Promise.race([promise, aborted]);
}

addEventListener("online", () => retryNow());
