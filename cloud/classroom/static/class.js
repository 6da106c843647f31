// The class as it is now, every few seconds; not while somebody is about to reset a student.
"use strict";
const shown = document.getElementById("class");
const gone = document.getElementById("gone");
let text = "";
async function refresh() {
  if (document.hidden || shown.querySelector("details.reset[open]")) return;
  let answer;
  try {
    answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  } catch {
    answer = null;
  }
  gone.hidden = Boolean(answer?.ok);
  if (!answer?.ok || shown.querySelector("details.reset[open]")) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.getElementById("class").innerHTML;
  if (fresh === text) return;
  const opened = [...shown.querySelectorAll("details[open]")].map((each) => each.id);
  const focused = shown.contains(document.activeElement) ? document.activeElement.closest("details")?.id : null;
  shown.innerHTML = text = fresh; // of our own templates, which escape
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) document.getElementById(focused)?.querySelector("summary").focus();
}
setInterval(refresh, 3000);
document.addEventListener("visibilitychange", refresh);
