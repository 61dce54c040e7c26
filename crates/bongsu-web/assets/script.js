// Which view is shown, keys, light and dark, loading again.
let turns = 0;

function show(quiet) {
  if (location.hash === "#view") return view.focus();
  const turn = ++turns;
  const place = here();
  const kind = place.path.split("/")[0];
  for (const link of document.querySelectorAll("header nav a")) {
    const same = link.getAttribute("href") === `#/${kind === "runs" ? "workflows" : kind}`;
    if (same) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.getElementById("server").hidden = kind !== "server";
  root.dataset.view = kind;
  const views = {
    server: () => view.replaceChildren(), alerts: showRouted, silences: showRouted, workflows: showWorkflows, runs: showWorkflows,
    errors: showErrors, feed: showFeed, rules: showRules, slos: showSlos, query: showQuery, targets: showTargets,
  };
  if (Object.hasOwn(views, kind)) return views[kind](place, turn, quiet);
  location.hash = "#/feed";
  return undefined;
}

// Loads what moves by itself again where it stands.
function refresh(changed) {
  const reading = view.querySelector("details[open]") || view.contains(document.activeElement) && document.activeElement !== view;
  if (/^(workflows|runs)/.test(here().path) && !reading) return show();
  // These keep the focus where it has a key; what is selected, or opened to be read, stays.
  const at = document.activeElement;
  const inside = view.contains(at) && at !== view && !at.dataset.key && here().query.get("open");
  const held = inside || String(getSelection()) || view.querySelector("details[open]");
  if (/^(rules|slos|targets)$/.test(here().path) && !held) return show("quiet");
  if (here().path !== "feed") return undefined;
  return show(changed ? "changed" : "quiet");
}

const help = document.getElementById("help");
function showHelp() {
  if (help.open) return help.close();
  const list = element("dl", undefined, "keys");
  for (const [keys, what] of word.help) {
    const term = element("dt");
    keys.split(" ").forEach((key) => term.append(key === "…" ? " … " : element("kbd", key), " "));
    list.append(term, element("dd", what));
  }
  const places = element("dl", undefined, "keys places");
  for (const [key, , what] of word.places) {
    const term = element("dt");
    term.append(element("kbd", "g"), " ", element("kbd", key));
    places.append(term, element("dd", what));
  }
  const title = element("h2", word.keys);
  title.id = "help-title";
  help.setAttribute("aria-labelledby", "help-title");
  help.replaceChildren(title, list, element("h3", word.goTo), places, button(word.close, () => help.close()));
  help.showModal();
  return undefined;
}

function focusOn(id) {
  const target = document.getElementById(id);
  if (target) return target.focus();
  const alert = feed && current();
  if (!alert) return undefined;
  // Opened first; then its form is there.
  const link = [...feed.list.querySelectorAll("a.name")].find((one) => one.dataset.key === `alert ${alert.fingerprint}`);
  if (link) location.hash = link.getAttribute("href");
  const wait = new MutationObserver(() => {
    const found = document.getElementById(id);
    if (!found) return;
    wait.disconnect();
    requestAnimationFrame(() => found.focus());
  });
  wait.observe(feed.detail, { childList: true });
  setTimeout(() => wait.disconnect(), 5000);
  return undefined;
}

// When g was pressed: the next key says where to go.
let going = 0;
addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const typing = event.target.closest("input:not([type=checkbox]), textarea, select");
  if (event.key === "Escape") {
    if (help.open) return;
    if (typing) return typing.blur();
    const { path, query } = here();
    if (query.get("open") && path !== "feed") {
      if (path === "slos") returnTo = `slo ${query.get("open")}`;
      if (path === "rules") returnTo = openedRule;
      location.hash = moved({ open: null, group: null });
    } else if (query.get("open")) {
      const link = feed && feed.list.querySelector("a.name[aria-current]");
      location.hash = moved({ open: null });
      if (link) link.focus();
    }
    return;
  }
  if (typing || help.open) return;
  const place = Date.now() - going < 2000 && word.places.find(([key]) => key === event.key);
  going = event.key === "g" && !place ? Date.now() : 0;
  if (place) {
    event.preventDefault();
    location.hash = `#/${place[1]}`;
    return;
  }
  const inFeed = here().path === "feed" && feed;
  const acts = {
    "?": showHelp,
    "/": () => { const box = document.getElementById("search"); if (box) box.focus(); else location.hash = "#/feed"; },
    j: () => step(1),
    k: () => step(-1),
    a: () => { const alert = inFeed && current(); if (alert) acknowledge(alert); },
    d: () => inFeed && focusOn("dismiss"),
    m: () => inFeed && focusOn("assignee"),
    n: () => inFeed && focusOn("note"),
    r: () => show("changed"),
  };
  const tab = inFeed && /^[1-9]$/.test(event.key) ? feed.tabs.querySelectorAll("a")[event.key - 1] : undefined;
  const act = tab ? () => { location.hash = tab.getAttribute("href"); } : acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const theme = document.getElementById("theme");
function setTheme(name) {
  if (name) root.dataset.theme = name;
  const dark = name ? name === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.textContent = dark ? word.light : word.dark;
  theme.dataset.next = dark ? "light" : "dark";
}
theme.addEventListener("click", () => {
  const name = theme.dataset.next;
  setTheme(name);
  try { localStorage.setItem("bongsu-theme", name); } catch { /* not allowed here */ }
});
let kept;
try { kept = localStorage.getItem("bongsu-theme"); } catch { /* not allowed here */ }
setTheme(kept === "dark" || kept === "light" ? kept : undefined);
theme.hidden = false;
const keys = document.getElementById("keys");
keys.hidden = false;
keys.addEventListener("click", showHelp);

// The other language at the same place.
const other = document.getElementById("language");
other.addEventListener("click", () => { other.href = other.href.split("#")[0] + location.hash; });

addEventListener("hashchange", () => show());
setInterval(() => { if (!document.hidden && !help.open) refresh(); }, 15000);
addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
show();
