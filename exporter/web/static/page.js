// Puts the newest state of the page in its place, without a reload: the place on it, what has the
// focus and what is being typed stay as they are.
"use strict";

const PAUSE = 5000;

async function renew() {
  const main = document.querySelector("[data-live]");
  const form = main.querySelector("[data-keep]");
  if (document.hidden || (form && form.contains(document.activeElement))) return;
  try {
    const answer = await fetch(location.href, { cache: "no-store", credentials: "same-origin" });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.querySelector("[data-live]");
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

setInterval(renew, PAUSE);
document.addEventListener("visibilitychange", renew);
