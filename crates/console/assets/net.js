// Requests to the server, and its event stream.

const token = document.querySelector('meta[name="console-token"]').content;

/** An error that the server reported, with the status of its answer. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('the server does not respond; is tickerlake still running?');
  }
  if (response.ok) return response;
  const text = await response.text();
  let message = text;
  try { message = JSON.parse(text).error ?? text; } catch { /* Not JSON: the text is the message. */ }
  throw new ApiError(message || `the server answered ${response.status}`, response.status);
}

export async function get(path, parameters = {}, signal) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined && value !== ''));
  const text = query.toString();
  return (await request(text ? `${path}?${text}` : path, { signal })).json();
}

async function send(path, body, signal) {
  const headers = { 'content-type': 'application/json', 'x-console-token': token };
  return request(path, { method: 'POST', headers, body: JSON.stringify(body), signal });
}

export const post = async (path, body = {}, signal) => (await send(path, body, signal)).json();

export const postForBlob = async (path, body, signal) => (await send(path, body, signal)).blob();

/** Time after which a broken connection is made again, in milliseconds. */
const RETRY = 1500;

/**
 * Connects to the event stream, and again after it breaks. `onframe(frame, kind)` receives each frame; `onstate(isConnected,
 * reason)` each change of the connection. A page in the background has no connection, because browsers allow six per host:
 * more pages would leave none for requests.
 */
export function stream(onframe, onstate) {
  let source = null;
  let retry = null;
  const disconnect = () => {
    clearTimeout(retry);
    retry = null;
    source?.close();
    source = null;
  };
  const connect = () => {
    disconnect();
    const mine = new EventSource('/api/events');
    source = mine;
    let isOpen = false;
    for (const kind of ['snapshot', 'resync', 'delta']) {
      mine.addEventListener(kind, (event) => { if (source === mine) onframe(JSON.parse(event.data), kind); });
    }
    mine.onopen = () => { isOpen = true; onstate(true); };
    mine.onerror = async () => {
      if (source !== mine) return;
      disconnect();
      retry = setTimeout(connect, RETRY);
      // An event stream that is refused does not give the reason.
      const reason = isOpen ? null : await refusal();
      if (!source) onstate(false, reason);
    };
  };
  const follow = () => {
    if (document.visibilityState === 'hidden') disconnect();
    else if (!source) connect();
  };
  document.addEventListener('visibilitychange', follow);
  follow();
}

/** Returns the server's reason to refuse the event stream, or null if there is none. */
async function refusal() {
  const abort = new AbortController();
  try {
    await request('/api/events', { signal: abort.signal });
    abort.abort();
    return null;
  } catch (error) {
    return error.status ? error.message : null;
  }
}
