// The list of alerts: saved searches, search, facets. What is asked stands in the address.
const FACETS = ["severity", "status", "providerType", "service", "environment"];
const SEVERITIES = ["critical", "high", "warning", "info", "low"];
const PAGE = 50;
let feed;

// Whether a text is meant as a condition.
function isCel(text) {
  return /[=<>!&|()]|\.\w|\bin\b/.test(text);
}

function literal(text) {
  return `'${text.replace(/\\/g, "\\\\").replace(/'/g, "\\'")}'`;
}

// What facets select, without those of one field.
function chosen(query, but) {
  const fields = new Map();
  for (const pair of query.getAll("f")) {
    const at = pair.indexOf(":");
    const field = pair.slice(0, at < 0 ? pair.length : at);
    if (field === but || !FACETS.includes(field)) continue;
    const test = at < 0 ? `${field} == null` : `${field} == ${literal(pair.slice(at + 1))}`;
    fields.set(field, [...(fields.get(field) || []), test]);
  }
  return [...fields.values()].map((tests) => `(${tests.join(" || ")})`);
}

// Parameters of the API.
function asked(query, but) {
  const made = new URLSearchParams();
  const preset = query.get("preset") ?? "feed";
  if (preset) made.set("preset", preset);
  const text = (query.get("s") || "").trim();
  const tests = chosen(query, but);
  // Alone it stays as it is written, so that mistakes are where the server says.
  if (text && isCel(text)) tests.unshift(tests.length ? `(${text})` : text);
  else if (text) made.set("q", text);
  if (tests.length) made.set("cel", tests.join(" && "));
  return made;
}

function enterFeed() {
  if (feed && view.contains(feed.list)) return;
  const parts = {
    tabs: element("nav"), form: searchForm(), facets: element("aside", undefined, "facets"),
    folded: element("details"), middle: element("section", undefined, "middle"), list: element("ol", undefined, "alerts"),
    count: element("p", undefined, "faint count"), detail: element("section", undefined, "detail"),
    more: button(word.loadMore, loadMore), columns: element("div", undefined, "columns"), cursor: null, items: [],
  };
  parts.tabs.className = "tabs";
  parts.tabs.setAttribute("aria-label", word.presets);
  parts.facets.setAttribute("aria-label", word.filters);
  parts.middle.setAttribute("aria-label", word.feed);
  parts.detail.setAttribute("aria-labelledby", "detail-title");
  parts.count.setAttribute("role", "status");
  parts.detail.hidden = true;
  parts.more.hidden = true;
  // On a narrow screen the list comes first.
  const narrow = matchMedia("(max-width: 50rem)");
  parts.folded.open = !narrow.matches;
  narrow.addEventListener("change", () => { parts.folded.open = !narrow.matches; });
  parts.facets.append(parts.folded);
  parts.middle.append(parts.count, parts.list, parts.more);
  parts.columns.append(parts.facets, parts.middle, parts.detail);
  feed = parts;
  view.replaceChildren(parts.tabs, parts.form, parts.columns);
}

function searchForm() {
  const form = element("form", undefined, "search");
  form.setAttribute("role", "search");
  const input = element("input");
  input.type = "search";
  input.id = "search";
  input.placeholder = word.searchHint;
  input.setAttribute("aria-label", word.search);
  input.setAttribute("aria-describedby", "search-kind");
  input.autocomplete = "off";
  input.spellcheck = false;
  const kind = element("span", "", "kind faint");
  kind.id = "search-kind";
  const tell = () => { kind.textContent = input.value.trim() ? (isCel(input.value) ? word.asCel : word.asWords) : ""; };
  input.addEventListener("input", tell);
  form.tell = tell;
  form.forget = button(word.forget, forgetSearch);
  form.forget.hidden = true;
  form.append(input, kind, submit(word.find), button(word.save, saveSearch), form.forget);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    location.hash = moved({ s: input.value.trim() || null, open: null });
    input.blur();
  });
  return form;
}

// The search as it stands, with what its saved search asks.
async function saveSearch() {
  const { query } = here();
  const wanted = asked(query);
  const name = (prompt(word.saveName) || "").trim();
  if (!name) return;
  try {
    const from = wanted.get("preset") ? await ask(`/api/v1/presets/${encodeURIComponent(wanted.get("preset"))}`) : {};
    const cel = [from.cel, wanted.get("cel")].filter(Boolean).map((text) => `(${text})`).join(" && ");
    const text = [from.text, wanted.get("q")].filter(Boolean).join(" ");
    await ask(`/api/v1/presets/${encodeURIComponent(name)}`, { cel, text, group_by: from.group_by }, "PUT");
    say(word.saved + name);
    location.hash = address("feed", new URLSearchParams({ preset: name }));
  } catch (error) {
    say(word.refused + error.message, true);
  }
}

async function forgetSearch() {
  const name = here().query.get("preset");
  if (!name || !confirm(word.forgetSure(name))) return;
  try {
    await ask(`/api/v1/presets/${encodeURIComponent(name)}`, {}, "DELETE");
    say(word.done);
    location.hash = "#/feed";
  } catch (error) {
    say(word.refused + error.message, true);
  }
}

async function showFeed({ query }, turn, quiet) {
  enterFeed();
  const input = document.getElementById("search");
  if (document.activeElement !== input) {
    input.value = query.get("s") || "";
    feed.form.tell();
  }
  const wanted = asked(query);
  const fields = (but) => {
    const made = asked(query, but);
    made.set("fields", but || FACETS.join(","));
    return ask(`/api/v1/occurrences/facets?${made}`);
  };
  const picked = [...new Set(query.getAll("f").map((pair) => pair.split(":")[0]))].filter((f) => FACETS.includes(f));
  // As many as were loaded, so that a refresh does not move what somebody looks at.
  const limit = quiet ? Math.min(1000, Math.max(PAGE, feed.items.length)) : PAGE;
  const open = query.get("open");
  if (open && open !== feed.open) {
    // The detail does not wait for the list.
    showDetail(feed.detail, open, turn).then(() => {
      const title = document.getElementById("detail-title");
      if (title && turn === turns && !quiet) title.focus({ preventScroll: false });
    });
  } else if (open && !feed.detail.contains(document.activeElement)) {
    showDetail(feed.detail, open, turn);
  } else if (open && quiet === "changed") {
    await showDetail(feed.detail, open, turn);
  }
  if (!open) {
    feed.detail.hidden = true;
    feed.detail.replaceChildren();
    opened = undefined;
  }
  feed.open = open;
  feed.columns.classList.toggle("with-detail", !!open);
  markOpen(open);
  if (turn !== turns) return;
  // Another alert is opened, or none: the list is the same.
  const asks = wanted.toString();
  if (!quiet && feed.asks === asks) return;
  // Counting costs more than looking: left alone, it is done once a minute.
  const still = quiet === "quiet" && feed.presets && Date.now() - feed.counted < 60000;
  if (!still) feed.counted = Date.now();
  try {
    const page = new URLSearchParams(wanted);
    page.set("limit", limit);
    // Saved searches are there whatever becomes of this one.
    const tabs = (still ? Promise.resolve({ items: feed.presets }) : ask("/api/v1/presets?counts=true")).then((presets) => {
      if (turn !== turns || still) return presets;
      feed.presets = presets.items;
      keepFocus(() => showTabs(presets.items, query));
      return presets;
    });
    const [presets, found, facets, ...own] = await Promise.all([
      tabs, ask(`/api/v1/occurrences?${page}`), ...(still ? [] : [fields(), ...picked.map((field) => fields(field))]),
    ]);
    if (turn !== turns) return;
    const counted = new Map((still ? [] : facets.items).map((facet) => [facet.field, facet.values]));
    own.forEach((answer, at) => counted.set(picked[at], answer.items[0].values));
    feed.asks = asks;
    feed.items = found.items;
    feed.cursor = found.next_cursor;
    feed.total = found.total_is_more ? `${found.total}+` : found.total;
    const group = (presets.items.find((one) => one.name === wanted.get("preset")) || {}).group_by;
    keepFocus(() => {
      if (!still) showFacets(counted, query);
      showItems(query, group);
    });
  } catch (error) {
    if (turn !== turns) return;
    feed.asks = undefined;
    feed.items = [];
    feed.list.replaceChildren();
    feed.more.hidden = true;
    feed.count.textContent = word.failed + error.message;
    feed.count.classList.add("bad");
  }
}

// Draws again; what had the focus has it afterwards.
function keepFocus(draw) {
  const active = document.activeElement;
  const key = active && active.dataset ? active.dataset.key : undefined;
  draw();
  if (!key) return;
  const same = [...view.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key);
  if (same && document.activeElement !== same) same.focus({ preventScroll: true });
}

function showTabs(presets, query) {
  const list = element("ul");
  const now = query.get("preset") ?? "feed";
  const tab = (name, text, count, noise, made) => {
    const link = element("a", text);
    link.href = address("feed", new URLSearchParams({ preset: name }));
    link.dataset.key = `tab ${name}`;
    if (now === name) link.setAttribute("aria-current", "page");
    if (now === name) feed.form.forget.hidden = !made;
    if (count !== undefined) link.append(" ", element("span", count, noise ? "number loud" : "number"));
    const item = element("li");
    item.append(link);
    return item;
  };
  list.append(...presets.map((one) => tab(one.name, one.name, one.alerts, one.makes_noise, one.origin === "api")), tab("", word.every));
  feed.tabs.replaceChildren(list);
}

function showFacets(counted, query) {
  const picked = query.getAll("f");
  const parts = [element("summary", word.filters)];
  for (const field of FACETS) {
    const values = (counted.get(field) || []).slice(0, 12);
    if (field === "severity") values.sort((a, b) => SEVERITIES.indexOf(a.value) - SEVERITIES.indexOf(b.value));
    if (!values.length || (values.length === 1 && values[0].value === null)) continue;
    const set = element("fieldset");
    set.append(element("legend", word[field]));
    for (const { value, count } of values) {
      const pair = value === null ? field : `${field}:${value}`;
      const label = element("label");
      const box = element("input");
      box.type = "checkbox";
      box.checked = picked.includes(pair);
      box.dataset.key = `facet ${pair}`;
      box.addEventListener("change", () => {
        const left = here().query.getAll("f").filter((one) => one !== pair);
        location.hash = moved({ f: box.checked ? [...left, pair] : left, open: null });
      });
      label.append(box, element("span", value === null ? word.missing : word[value] || value, "value"), element("span", count, "number"));
      set.append(label);
    }
    parts.push(set);
  }
  if (picked.length) parts.push(button(word.clear, () => { location.hash = moved({ f: null }); }));
  feed.folded.replaceChildren(...parts);
}

function showItems(query, group) {
  const open = query.get("open");
  const entries = [];
  if (group) {
    const groups = new Map();
    for (const alert of feed.items) {
      const value = group.split(".").reduce((at, key) => (at ?? {})[key], alert);
      const name = value === null || value === undefined ? word.missing : shownValue(value);
      groups.set(name, [...(groups.get(name) || []), alert]);
    }
    for (const [name, alerts] of groups) {
      const heading = element("li", undefined, "group");
      heading.append(element("h3", name), element("span", alerts.length, "number"));
      entries.push(heading, ...alerts.map((alert) => entry(alert, open)));
    }
  } else {
    entries.push(...feed.items.map((alert) => entry(alert, open)));
  }
  feed.list.replaceChildren(...entries);
  feed.more.hidden = !feed.cursor;
  const anything = query.get("s") || query.getAll("f").length || (query.get("preset") ?? "feed");
  const empty = anything && feed.presets.some((one) => one.alerts) ? word.noAlerts : word.noneYet;
  feed.count.classList.remove("bad");
  const text = feed.items.length ? word.count(feed.items.length, feed.total) : empty;
  // What does not change is not read out again.
  if (feed.count.textContent !== text) feed.count.textContent = text;
}

function entry(alert, open) {
  const item = element("li", undefined, `alert ${alert.severity}`);
  const link = element("a", alert.name, "name");
  link.href = moved({ open: alert.fingerprint });
  link.dataset.key = `alert ${alert.fingerprint}`;
  if (open === alert.fingerprint) link.setAttribute("aria-current", "true");
  const last = element("span", undefined, "last");
  last.append(age(alert.lastReceived));
  const facts = [[].concat(alert.source || []).join(", "), alert.service, alert.environment].filter(Boolean);
  if (alert.dismissed) facts.unshift(word.dismissed);
  if (alert.assignee) facts.push(`@${alert.assignee}`);
  if (alert.duplicates) facts.push(`${alert.duplicates}× ${word.duplicates}`);
  const more = element("span", undefined, "facts");
  more.append(element("span", facts.join(" · "), "faint"), " ", alert.description || alert.message || "");
  item.append(badge(alert.severity), state(alert), link, more, last);
  return item;
}

function markOpen(open) {
  for (const link of feed.list.querySelectorAll("a.name")) {
    if (link.dataset.key === `alert ${open}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

async function loadMore() {
  const turn = turns;
  const { query } = here();
  const page = asked(query);
  page.set("limit", PAGE);
  page.set("cursor", feed.cursor);
  try {
    const found = await ask(`/api/v1/occurrences?${page}`);
    if (turn !== turns) return;
    const first = found.items[0];
    feed.items.push(...found.items);
    feed.cursor = found.next_cursor;
    const preset = feed.presets.find((one) => one.name === page.get("preset")) || {};
    showItems(query, preset.group_by);
    const links = [...feed.list.querySelectorAll("a.name")];
    const next = first && links.find((link) => link.dataset.key === `alert ${first.fingerprint}`);
    if (next) next.focus();
  } catch (error) {
    say(word.failed + error.message, true);
  }
}

// The alert the keys are about: the one with the focus, else the open one.
function current() {
  const key = (document.activeElement.dataset || {}).key || "";
  const name = key.startsWith("alert ") ? key.slice(6) : undefined;
  return (name && feed.items.find((alert) => alert.fingerprint === name)) || opened;
}

// To the next or previous one of the list that is shown.
function step(by) {
  const links = [...view.querySelectorAll("a.name")];
  if (!links.length) return;
  let at = links.indexOf(document.activeElement);
  if (at < 0) at = links.findIndex((link) => link.getAttribute("aria-current"));
  const next = at < 0 ? (by > 0 ? 0 : links.length - 1) : Math.min(links.length - 1, Math.max(0, at + by));
  links[next].focus();
  links[next].scrollIntoView({ block: "nearest" });
}
