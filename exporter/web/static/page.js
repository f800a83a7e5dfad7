// Renews the page without a reload: scrolling, focus and what is being typed stay as they are.
// Without it, the page reloads itself and shows UTC.
"use strict";

const PAUSE = 5000;

async function renew() {
  const main = document.querySelector("[data-live]");
  if (!main) return;
  const form = main.querySelector("[data-keep]");
  if (document.hidden || (form && form.contains(document.activeElement))) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (answer.status === 404) return location.reload(); // The target is gone.
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
    localize(fresh);
    const focused = document.activeElement;
    const where = focused && main.contains(focused) ? path(main, focused) : null;
    const scrolls = [...main.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    const { scrollX, scrollY } = window;
    const kept = fresh.querySelector("[data-keep]");
    if (form && kept) kept.replaceWith(form);
    main.replaceChildren(...fresh.childNodes);
    window.scrollTo(scrollX, scrollY);
    main.classList.remove("halted");
    document.title = page.title;
    [...main.querySelectorAll(".scroll")].forEach((one, at) => (one.scrollLeft = scrolls[at] || 0));
    if (where) where.reduce((one, at) => one && one.children[at], main)?.focus({ preventScroll: true });
  } catch {
    main.classList.add("halted");
  }
}

function path(main, element) {
  const places = [];
  for (let one = element; one !== main; one = one.parentElement) {
    places.unshift([...one.parentElement.children].indexOf(one));
  }
  return places;
}

// Writes moments in the reader's time zone, and keeps UTC as what hovering shows.
function localize(part) {
  for (const one of part.querySelectorAll("time[datetime]")) {
    const local = new Date(one.dateTime).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
    if (one.classList.contains("moment")) {
      one.title = one.textContent;
      one.textContent = local;
    } else {
      one.title = local;
    }
  }
}

localize(document);
setInterval(renew, PAUSE);
document.addEventListener("visibilitychange", renew);
