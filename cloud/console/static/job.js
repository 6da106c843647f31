// A job's page: new lines of the log, and parts that changed, as they come.
"use strict";

const MOST_LINES = 2000;
const log = document.getElementById("log");
const task = document.getElementById("task");
let last = log.dataset.last;

function element(name, text, className) {
  const made = document.createElement(name);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}

function addLine(line) {
  const row = element("div", "", line.severity.toLowerCase());
  row.dataset.task = line.task;
  row.hidden = isHidden(row);
  row.append(element("time", line.time), " ", element("span", line.task, "task"), " ", element("span", line.text, "text"));
  let place = log;
  if (line.harmless) {
    if (log.lastElementChild?.tagName !== "DETAILS") {
      log.append(document.createElement("details"));
      log.lastElementChild.append(element("summary", log.dataset.harmless));
    }
    place = log.lastElementChild;
  }
  place.append(row);
}

function isHidden(row) {
  return Boolean(task?.value) && row.dataset.task.split(" ")[0] !== task.value && row.dataset.task !== "service";
}

task?.addEventListener("change", () => {
  for (const row of log.querySelectorAll("[data-task]")) row.hidden = isHidden(row);
});

log.scrollTop = log.scrollHeight;
if (!("ended" in log.dataset)) {
  let waiting = [];
  function showLines() {
    const follows = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
    for (const line of waiting) addLine(line);
    waiting = [];
    while (log.childElementCount > MOST_LINES) log.firstElementChild.remove();
    if (follows) log.scrollTop = log.scrollHeight;
  }
  listen(() => `${log.dataset.events}?after=${last}`, {
    line: (line) => {
      last = line.place;
      if (waiting.push(line) === 1) requestAnimationFrame(showLines);
    },
    part: (part) => replace(document.getElementById(part.id), part.html),
    end: () => document.getElementById("cancel")?.remove(),
  });
}
