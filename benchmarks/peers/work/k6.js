// The work as k6 does it.
import http from "k6/http";
import ws from "k6/ws";
import { check } from "k6";
import { Trend } from "k6/metrics";

export const options = { summaryTrendStats: ["p(99)"] };
const asked = new Trend("ws_asked", true);
const message = "x".repeat(100);

export function overHttp() {
  check(http.get(`${__ENV.PEERS_HTTP}/health`), { "is 200": (r) => r.status === 200 });
}

export function overWs() {
  ws.connect(__ENV.PEERS_WS, {}, (socket) => {
    let begin;
    const ask = () => { begin = Date.now(); socket.send(message); };
    socket.on("open", ask);
    socket.on("message", () => { asked.add(Date.now() - begin); ask(); });
    socket.setTimeout(() => socket.close(), Number(__ENV.PEERS_SECONDS) * 1000);
  });
}

export default __ENV.PEERS_WORK === "ws" ? overWs : overHttp;
