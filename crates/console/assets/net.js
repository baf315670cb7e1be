// Requests to the server, and its event stream.

const token = document.querySelector('meta[name="console-token"]').content;

/** An error that the server reported. */
export class ApiError extends Error {}

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
  throw new ApiError(message || `the server answered ${response.status}`);
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

/**
 * Connects to the event stream, and again after it breaks. `onframe(frame, kind)` receives each frame;
 * `onstate(isConnected)` each change of the connection.
 */
export function stream(onframe, onstate) {
  let source = null;
  let retry = null;
  const connect = () => {
    retry = null;
    source = new EventSource('/api/events');
    for (const kind of ['snapshot', 'resync', 'delta']) {
      source.addEventListener(kind, (event) => onframe(JSON.parse(event.data), kind));
    }
    source.onopen = () => onstate(true);
    source.onerror = () => {
      source.close();
      onstate(false);
      retry ??= setTimeout(connect, 1500);
    };
  };
  connect();
}
