// What every page does: it shows changes as they come, says when the cloud is gone, and asks before what cannot be undone.
"use strict";

// Keep a stream of events open while the page is seen: a browser has six connections for all pages of one console.
function listen(address, handlers) {
  const notice = document.getElementById("gone");
  let source = null;
  let isOver = false;
  function open() {
    if (isOver || source || document.hidden) return;
    source = new EventSource(address());
    source.onopen = () => { notice.hidden = true; };
    source.onerror = () => {
      notice.hidden = false;
      // Refused for good, as by another cloud at this address. Otherwise the browser connects again by itself.
      notice.querySelector("p:last-child").hidden = source?.readyState !== EventSource.CLOSED;
    };
    for (const [name, handle] of Object.entries(handlers)) {
      source.addEventListener(name, (event) => handle(JSON.parse(event.data)));
    }
    source.addEventListener("end", () => { isOver = true; close(); });
  }
  function close() {
    source?.close();
    source = null;
  }
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else open(); });
  window.addEventListener("online", () => { close(); open(); });
  window.addEventListener("pagehide", close);
  open();
}

// Change the content of an element only where it differs, and leave the keyboard where it was.
function replace(target, html) {
  const fresh = document.createElement("template");
  fresh.innerHTML = html; // of our own templates, which escape
  if (!target || fresh.innerHTML === target.innerHTML) return;
  const focused = target.contains(document.activeElement) ? document.activeElement : null;
  const name = ["href", "aria-label"].find((each) => focused?.hasAttribute(each));
  const opened = [...target.querySelectorAll("details")].map((each) => each.open);
  target.replaceChildren(fresh.content);
  target.querySelectorAll("details").forEach((each, index) => { each.open = opened[index] ?? each.open; });
  if (name) target.querySelector(`[${name}="${CSS.escape(focused.getAttribute(name))}"]`)?.focus();
}

// One at a time: an answer that was long on its way does not replace a newer one.
let isStale = false;
let isRefreshing = false;
async function refresh() {
  isStale = true;
  if (isRefreshing) return;
  isRefreshing = true;
  try {
    while (isStale) {
      isStale = false;
      await fetchParts();
    }
  } finally {
    isRefreshing = false;
  }
}

async function fetchParts() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const fresh = page.getElementById(part.id);
    if (fresh) replace(part, fresh.innerHTML);
  }
}

setInterval(() => {
  for (const each of document.querySelectorAll("[data-since]")) {
    const seconds = Math.max(0, Math.floor((Date.now() - Number(each.dataset.since)) / 1000));
    const two = (number) => String(number).padStart(2, "0");
    each.textContent = `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  }
}, 1000);

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.question;
  if (question && !window.confirm(question)) event.preventDefault();
});

if (document.body.dataset.feed) listen(() => `/changes?of=${document.body.dataset.feed}`, { changed: refresh });

// Commands are copied by a button, which is there only where a page may do that.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  });
}
