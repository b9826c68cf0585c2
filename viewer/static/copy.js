/* Buttons that copy: `<button type="button" class="copy" data-copy="ID">` copies the text, or the value, of the
   element ID; with `data-text="…"` that text instead. They may be put into the page at any time. Without this
   script they are not shown. */

const told = Object.assign(document.createElement("p"), { className: "visually-hidden", role: "status" });

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const text = button.dataset.text ?? source?.value ?? source?.textContent ?? "";
  const isCopied = await written(text, source);
  const label = (button.dataset.label ??= button.textContent);
  button.textContent = isCopied ? "Copied" : "Not copied";
  told.textContent = isCopied ? "Copied" : "The browser did not allow copying; the text is marked instead";
  setTimeout(() => {
    button.textContent = label;
    told.textContent = "";
  }, 2000);
}

/** Browsers have a clipboard on https and on this machine alone; elsewhere what is marked can be copied. */
async function written(text, source) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (!source) return false;
    if (source.select) source.select();
    else getSelection().selectAllChildren(source);
    return document.execCommand("copy");
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});
document.body.append(told);
document.documentElement.classList.add("can-copy");
