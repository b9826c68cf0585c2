/* The controls of a trace: text that is marked in the preview is put into the field for a mask; the day is asked for
   where a day was chosen. Without this script the text is typed, and the day is always there. */

const field = document.getElementById("mask-text");
const preview = document.getElementById("preview");
const until = document.querySelector("select[name=until]");
const day = document.querySelector("[data-shown-for=date]");
const LEAST = 4;

document.addEventListener("selectionchange", () => {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return;
  if (!preview.contains(selection.getRangeAt(0).commonAncestorContainer)) return;
  const text = selection.toString().trim();
  if (text.length >= LEAST && text.length <= field.maxLength) field.value = text;
});

function showDay() {
  day.hidden = until.value !== day.dataset.shownFor;
}

until.addEventListener("change", showDay);
showDay();
document.documentElement.classList.add("can-mark");
