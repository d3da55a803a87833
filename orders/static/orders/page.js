// The page is whole without this. Here it follows its streams and, when something has happened, asks
// for itself again and puts in what has changed: what is shown is composed in one place, the server.
"use strict";

(() => {
  const main = document.getElementById("main");
  const live = document.getElementById("live");
  const names = JSON.parse(main.dataset.events);
  const streams = new Map();
  let asking = false;
  let again = false;
  let soon = 0;

  function say(text) {
    live.textContent = text;
    live.hidden = !text;
  }

  function changed(part, fresh) {
    // A form has a new key each time; it matters only whether there is one.
    return "state" in part.dataset
      ? part.dataset.state !== fresh.dataset.state
      : part.innerHTML !== fresh.innerHTML;
  }

  async function refresh() {
    again = true;
    if (asking) return;
    asking = true;
    try {
      while (again) {
        again = false;
        const reply = await fetch(location.pathname, { credentials: "same-origin" });
        if (reply.status === 429 || reply.status >= 500) throw new Error(reply.statusText);
        if (!reply.ok || reply.redirected) return location.reload();
        const page = new DOMParser().parseFromString(await reply.text(), "text/html");
        for (const part of document.querySelectorAll("[data-part]")) {
          const fresh = page.getElementById(part.id);
          if (fresh && changed(part, fresh)) {
            if ("state" in part.dataset) part.dataset.state = fresh.dataset.state;
            part.replaceChildren(...document.adoptNode(fresh).childNodes);
          }
        }
        follow();
      }
    } catch {
      say("No connection. The page goes on by itself when it is back.");
      later();
    } finally {
      asking = false;
    }
  }

  function later() {
    // Not all pages at once: a server that refuses has enough to do.
    clearTimeout(soon);
    soon = setTimeout(refresh, 2000 + 3000 * Math.random());
  }

  function follow() {
    for (const element of document.querySelectorAll("[data-stream]")) {
      const path = element.dataset.stream.split("?")[0];
      if (!streams.has(path)) streams.set(path, opened(path, element.dataset.stream));
    }
  }

  function opened(path, url) {
    const stream = new EventSource(url);
    stream.onopen = () => say("Live: this page moves by itself.");
    stream.onerror = () => {
      say("Connecting again …");
      if (stream.readyState !== EventSource.CLOSED) return;
      // The answer was no stream: the server is busy, or a proxy speaks in its place, or this is no
      // longer ours to see. The page itself will tell, and opens it again if it is still there.
      streams.delete(path);
      later();
    };
    stream.addEventListener("end", () => {
      stream.close();
      say("");
      refresh();
    });
    for (const name of names) stream.addEventListener(name, refresh);
    return stream;
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    if (!("act" in form.dataset)) return;
    event.preventDefault();
    const error = form.querySelector("[role=alert]");
    error.hidden = true;
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      const reply = await fetch(form.action, {
        method: "POST",
        body: new URLSearchParams(new FormData(form)),
        headers: { Accept: "application/json" },
        credentials: "same-origin",
      });
      if (!reply.ok) throw new Error((await reply.json()).detail);
      refresh();
    } catch (problem) {
      error.textContent = problem.message;
      error.hidden = false;
    } finally {
      button.disabled = false;
    }
  });

  follow();
})();
