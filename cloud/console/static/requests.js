// Shows new requests as they come.
"use strict";

const list = document.getElementById("requests");

function made(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

function addCall(change) {
  list.dataset.last = change.number;
  document.getElementById("none")?.remove();
  const first = list.firstElementChild;
  if (first?.dataset.key === change.key) first.querySelector("tbody").prepend(made(change.row));
  else list.prepend(made(change.group));
  const rows = list.querySelectorAll("tbody tr");
  for (const row of [...rows].slice(Number(list.dataset.most))) row.remove();
  for (const section of list.querySelectorAll("section")) if (!section.querySelector("tbody tr")) section.remove();
}

// In the order in which they ended, from the one after the last that the page was made with.
listen(() => `${list.dataset.events}&after=${list.dataset.last}`, { call: addCall });
