// @ts-check
/* Keys, theme, focus. Everything works without this file; it makes it quick. */
"use strict";

(() => {
  const root = document.documentElement;

  /** @param {EventTarget | null} target */
  const typing = (target) =>
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

  /** @param {Element} element */
  const visible = (element) => element instanceof HTMLElement && element.offsetParent !== null;

  /** @param {string} selector @returns {HTMLElement | undefined} */
  const find = (selector) =>
    /** @type {HTMLElement | undefined} */ ([...document.querySelectorAll(selector)].find(visible));

  /** The theme is kept in a cookie, so that the next page comes in it at once. */
  const turn = () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    document.cookie = `theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=lax`;
  };

  const showKeys = () => {
    const keys = document.getElementById("keys");
    if (keys instanceof HTMLDialogElement && !keys.open) keys.showModal();
  };

  /** Moves the focus among the links that open a row. @param {number} step */
  const move = (step) => {
    const rows = [...document.querySelectorAll("[data-rows] .open")].filter(visible);
    if (!rows.length) return false;
    const at = rows.findIndex((row) => row === document.activeElement);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step))];
    if (next instanceof HTMLElement) {
      next.focus();
      next.scrollIntoView({ block: "nearest" });
    }
    return true;
  };

  /** Ticks the row that has the focus, or takes the tick away. */
  const tick = () => {
    const box = document.activeElement?.closest("[data-rows] tr")?.querySelector("td.tick input");
    if (box instanceof HTMLElement) box.click();
    return box instanceof HTMLElement;
  };

  /** Does what the element with `data-key` is for. @param {string} key */
  const press = (key) => {
    const element = find(`[data-key="${CSS.escape(key)}"]`);
    if (!element) return false;
    element.focus();
    element.click();
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === "Escape") {
      for (const menu of document.querySelectorAll("details.menu[open]")) {
        menu.removeAttribute("open");
        if (menu.contains(document.activeElement)) menu.querySelector("summary")?.focus();
      }
      if (document.activeElement instanceof HTMLElement && typing(document.activeElement)) document.activeElement.blur();
      return;
    }
    const search = document.getElementById("q");
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && search?.closest("form")?.contains(document.activeElement)) {
      const stops = [search, ...document.querySelectorAll("#hits a")];
      const at = stops.indexOf(/** @type {Element} */ (document.activeElement));
      const next = stops[(at + (event.key === "ArrowDown" ? 1 : stops.length - 1)) % stops.length];
      if (next instanceof HTMLElement) next.focus();
      event.preventDefault();
      return;
    }
    if (typing(event.target) || document.querySelector("dialog[open]")) return;
    if (event.key === "/" && search) {
      search.focus();
      event.preventDefault();
    } else if (event.key === "?") {
      showKeys();
      event.preventDefault();
    } else if (/^[a-z]$/.test(event.key)) {
      if (press(event.key) || (event.key === "j" && move(1)) || (event.key === "k" && move(-1)) || (event.key === "x" && tick())) event.preventDefault();
    }
  });

  document.addEventListener("click", (event) => {
    const target = event.target instanceof Element ? event.target : null;
    const action = target?.closest("[data-action]");
    if (action instanceof HTMLElement && action.dataset.action === "theme") turn();
    if (action instanceof HTMLElement && action.dataset.action === "keys") showKeys();
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (target && !menu.contains(target)) menu.removeAttribute("open");
    }
  });

  // On a phone the tabs scroll: the one that is open is in sight.
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

  // A form that opens: the first field is ready to be typed in.
  document.addEventListener(
    "toggle",
    (event) => {
      const opened = event.target;
      if (opened instanceof HTMLDetailsElement && opened.open) {
        const field = opened.querySelector("[data-first], .menu-body input[type=search]");
        if (field instanceof HTMLElement) field.focus();
      }
    },
    true,
  );

  // The switcher's list, narrowed while typing; a tick box that ticks all.
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement)) return;
    if (field.dataset.filter) {
      const wanted = field.value.trim().toLowerCase();
      for (const row of document.querySelectorAll(`${field.dataset.filter} > li:not(.all)`)) {
        row.toggleAttribute("hidden", !row.textContent?.toLowerCase().includes(wanted));
      }
    }
    if (field.dataset.all) {
      for (const box of document.querySelectorAll(`input[name="${CSS.escape(field.dataset.all)}"]`)) {
        if (box instanceof HTMLInputElement) box.checked = field.checked;
      }
    }
  });

  // A page that was swapped in by htmx: the focus goes where its author says, never to nowhere.
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target instanceof Element && event.target.id === "hits") return;
    const next = find("[data-focus]") ?? (document.activeElement === document.body ? document.getElementById("main") : null);
    next?.focus({ preventScroll: true });
  });
})();
