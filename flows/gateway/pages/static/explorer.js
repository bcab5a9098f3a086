// What pages do beyond forms and links: answers come as they are checked, "/" asks, trees are walked by arrows.
// Everything also works without this file.
"use strict";

const byId = (id) => document.getElementById(id);

/** Address of a path with what a form holds, without what is empty. */
function address(path, form) {
  const given = new URLSearchParams();
  for (const [name, value] of new FormData(form)) if (value) given.append(name, value);
  return `${path}?${given}`;
}

/** Parts of the answer, put in as the server sends them; the server has escaped them. */
function listen(form) {
  const [answer, passages] = [byId("answer"), byId("passages")];
  const whole = address("/", form);
  const source = new EventSource(address("/answers", form));
  const heard = { claim: (html) => { if (!answer.querySelector(".claim")) answer.replaceChildren(); answer.insertAdjacentHTML("beforeend", html); },
    answer: (html) => { answer.innerHTML = html; },
    passages: (html) => { passages.innerHTML = html; },
    done: () => { source.close(); form.querySelector("button").disabled = false; } };
  for (const [name, put] of Object.entries(heard)) source.addEventListener(name, (event) => put(JSON.parse(event.data)));
  source.onerror = () => { source.close(); location.assign(whole); };
  return source;
}

function asking(form) {
  let source = null;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    source?.close();
    history.pushState(null, "", address("/", form));
    document.title = `${form.q.value} - Nightread`;
    byId("results").hidden = false;
    document.querySelectorAll(".intro, .first, [role=alert]").forEach((one) => one.remove());
    const wait = Object.assign(document.createElement("p"), { className: "wait", textContent: "Looking" });
    byId("answer").replaceChildren(wait);
    byId("passages").replaceChildren();
    form.querySelector("button").disabled = true;
    source = listen(form);
  });
  addEventListener("popstate", () => location.reload());
}

/** "/" leads to the question, from any page. */
function slash(event) {
  const writes = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (event.key !== "/" || writes || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  if (byId("q")) { byId("q").focus(); byId("q").select(); } else location.assign("/");
}

/** What lies below a node is fetched when it is opened. */
async function unfold(event) {
  const link = event.target.open && event.target.querySelector(":scope > .inside > .below > a[data-below]");
  if (!link) return;
  const answer = await fetch(link.dataset.below);
  if (answer.ok) link.parentElement.innerHTML = await answer.text();
}

/** Up and down walk the entries that are seen; right opens or enters, left closes or leaves. */
function walk(event) {
  const entry = event.target.closest?.(".tree summary");
  if (!entry) return;
  const all = [...document.querySelectorAll(".tree summary")].filter((one) => one.checkVisibility());
  const node = entry.parentElement;
  const steps = {
    ArrowDown: () => all[all.indexOf(entry) + 1],
    ArrowUp: () => all[all.indexOf(entry) - 1],
    ArrowRight: () => (node.open ? node.querySelector(".inside summary") : (node.open = true, null)),
    ArrowLeft: () => (node.open ? (node.open = false, null) : node.parentElement.closest("details")?.querySelector("summary")),
  };
  if (!(event.key in steps)) return;
  event.preventDefault();
  steps[event.key]()?.focus();
}

addEventListener("keydown", slash);
for (const tree of document.querySelectorAll(".tree")) {
  tree.addEventListener("toggle", unfold, true);
  tree.addEventListener("keydown", walk);
}
if (byId("ask")) asking(byId("ask"));
