/* The first minute: what came of what was sent appears here, without a reload. */

const news = document.getElementById("news");
const part = (name) => news.querySelector(`[data-part="${name}"]`);

/** Put what was told into its places. */
function fill(region, told) {
  for (const place of region.querySelectorAll("[data-told]")) {
    const value = told[place.dataset.told];
    const text = value.words ?? value;
    if (place.textContent !== text) place.textContent = text; // else a screen reader would say it again
    if (place.tagName === "A") place.href = value;
    if (place.tagName === "TIME") Object.assign(place, { dateTime: value.iso, title: value.full });
  }
}

function show(name, told) {
  const region = part(name);
  const isNew = told && region.hidden;
  if (told) fill(region, told);
  region.hidden = !told;
  if (isNew) news.scrollIntoView({ block: "nearest" });
}

function tell({ arrived, refused }) {
  show("refused", refused);
  show("arrived", arrived);
  part("waiting").hidden = Boolean(arrived);
  part("arrived-next").hidden = !arrived;
  if (!arrived) return;
  part("arrived").querySelector(".status").className = `status is-${arrived.state}`;
  document.title = "Your trace has arrived · Tracen";
}

/** The browser asks again where the connection broke; where it was refused, or is over, the reader has to. */
function stop() {
  source.close();
  part("listening").textContent = "This page has stopped looking.";
  document.documentElement.classList.remove("has-script");
}

const source = new EventSource(news.dataset.events);
source.addEventListener("news", (event) => tell(JSON.parse(event.data)));
source.addEventListener("over", stop);
source.addEventListener("error", () => source.readyState === EventSource.CLOSED && stop());
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && location.reload());
document.documentElement.classList.add("has-script");
