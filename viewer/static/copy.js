/* Buttons that copy: `<button type="button" class="copy" data-copy="ID">` copies the text, or the value, of the
   element ID; with `data-text="…"` that text instead. They may be put into the page at any time. Without this
   script they are not shown. Other scripts have something copied with the event `tracen:copy`. */

const told = Object.assign(document.createElement("p"), { className: "visually-hidden", role: "status" });

function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  return put(button.dataset.text ?? source?.value ?? source?.textContent ?? "", button, source);
}

/** Copy a text, and say on the button what became of it. */
async function put(text, button, source = null) {
  const isCopied = await written(text, button, source);
  const words = button.querySelector("span") ?? button; // beside an icon
  const label = (button.dataset.label ??= words.textContent);
  words.textContent = isCopied ? "Copied" : "Not copied";
  button.dataset.copied = isCopied ? "yes" : "no";
  const refused = "The browser did not allow copying";
  told.textContent = isCopied ? "Copied" : source ? `${refused}; the text is marked instead` : refused;
  setTimeout(() => {
    words.textContent = label;
    delete button.dataset.copied;
    told.textContent = "";
  }, 2000);
}

/** Browsers have a clipboard on https and on this machine alone; elsewhere what is marked can be copied. */
async function written(text, button, source) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (!source) return copiedFromField(text, button);
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

/** What stands nowhere in the page is marked in a field that is there for that moment. */
function copiedFromField(text, button) {
  const field = Object.assign(document.createElement("textarea"), { className: "visually-hidden", value: text, readOnly: true });
  const focused = document.activeElement;
  button.after(field); // in the same dialog: the rest of the page may be inert
  field.focus({ preventScroll: true });
  field.select();
  try {
    return document.execCommand("copy");
  } finally {
    field.remove();
    focused?.focus({ preventScroll: true });
  }
}

document.addEventListener("tracen:copy", ({ detail: { text, button } }) => put(text, button));
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});
document.body.append(told);
document.documentElement.classList.add("can-copy");
