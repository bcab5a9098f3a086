
"use strict";
// Without this script the page shows all of itself, in the order it has.
const form = document.querySelector(".search"), box = form.querySelector("input"), told = form.querySelector("output");
const ITEMS = "article, main li, section > .pair, #sources-table tbody tr";
const items = [...document.querySelectorAll(ITEMS)].map((item) => [item, item.textContent.toLowerCase()]);
const quotes = [...document.querySelectorAll("details blockquote")].map((quote) => [quote, quote.textContent.toLowerCase()]);

function holds(text, words) {
  return words.every((word) => text.includes(word));
}

function search() {
  const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const [item, text] of items) {
    item.hidden = !holds(text, words);
    found += !item.hidden;
  }
  for (const details of document.querySelectorAll("article details")) details.open = false;
  for (const [quote, text] of quotes) {
    if (words.length && holds(text, words)) quote.closest("details").open = true;
  }
  for (const section of document.querySelectorAll("main > section")) {
    const some = section.querySelectorAll(ITEMS);
    section.hidden = words.length > 0 && ![...some].some((item) => !item.hidden);
  }
  told.textContent = words.length ? `${found} found` : "";
}

function sort(head, column) {
  const up = head.getAttribute("aria-sort") !== "ascending", body = head.closest("table").tBodies[0];
  const number = head.classList.contains("number");
  const value = (row) => row.cells[column].textContent.trim();
  const order = number
    ? (one, other) => value(one).replaceAll(",", "") - value(other).replaceAll(",", "")
    : (one, other) => value(one).localeCompare(value(other), undefined, { numeric: true });
  const rows = [...body.rows].sort((one, other) => (up ? 1 : -1) * order(one, other));
  for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  body.append(...rows);
}

form.hidden = false;
form.addEventListener("submit", (event) => event.preventDefault());
box.addEventListener("input", search);
document.querySelectorAll("#sources-table th[scope=col]").forEach((head, column) => {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  button.addEventListener("click", () => sort(head, column));
  head.replaceChildren(button);
});
