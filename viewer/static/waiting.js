/* A page that waits for its trace: it is loaded anew when something has come. */

const { events, version } = document.querySelector(".waiting").dataset;
const source = new EventSource(events);
const again = () => location.reload();

source.addEventListener("change", (event) => event.data !== version && again());
source.addEventListener("gone", again);
source.addEventListener("error", () => {
  if (source.readyState === EventSource.CLOSED) setTimeout(again, 5_000); // deleted meanwhile, or too many watch
});
addEventListener("pagehide", () => source.close());
addEventListener("pageshow", (event) => event.persisted && again());
