// Refreshes the page in place, which keeps scrolling, focus and what is being typed.
// Without this script, the page reloads itself and shows times in UTC.
"use strict";

const INTERVAL = 5000;

async function refresh() {
  const main = document.querySelector("[data-live]");
  if (!main) return;
  const form = main.querySelector("[data-keep]");
  if (document.hidden || (form && form.contains(document.activeElement))) return;
  try {
    const response = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (response.status === 404) return location.reload(); // The target was removed.
    if (!response.ok) throw new Error(response.status);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    localize(fresh);
    const focused = document.activeElement;
    const focusedIndexes = focused && main.contains(focused) ? childIndexes(main, focused) : null;
    const scrolls = [...main.querySelectorAll(".scroll")].map((element) => element.scrollLeft);
    const { scrollX, scrollY } = window;
    const freshForm = fresh.querySelector("[data-keep]");
    if (form && freshForm) freshForm.replaceWith(form);
    main.replaceChildren(...fresh.childNodes);
    window.scrollTo(scrollX, scrollY);
    main.classList.remove("halted");
    document.title = page.title;
    [...main.querySelectorAll(".scroll")].forEach((element, at) => (element.scrollLeft = scrolls[at] || 0));
    focusedIndexes
      ?.reduce((element, at) => element && element.children[at], main)
      ?.focus({ preventScroll: true });
  } catch {
    main.classList.add("halted");
  }
}

// Returns the position of an element: an index among children for each level below the ancestor.
function childIndexes(ancestor, element) {
  const indexes = [];
  for (let one = element; one !== ancestor; one = one.parentElement) {
    indexes.unshift([...one.parentElement.children].indexOf(one));
  }
  return indexes;
}

// Shows times in the reader's time zone, and UTC when the pointer is over them.
function localize(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const local = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    if (time.classList.contains("moment")) {
      time.title = time.textContent;
      time.textContent = local;
    } else {
      time.title = local;
    }
  }
}

localize(document);
setInterval(refresh, INTERVAL);
document.addEventListener("visibilitychange", refresh);
