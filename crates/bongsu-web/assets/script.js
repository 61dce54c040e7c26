// Resolves the links notifications carry (#/alerts?…, #/silences/…) to plain lists.
// All text comes in through textContent: alert text is never markup.
"use strict";
const words = {
  en: {
    alerts: "Alerts", silences: "Silences", none: "Nothing here.", failed: "Could not be loaded: ",
    more: "Only the first 200 are shown.", since: "since", until: "until", by: "by", source: "source",
    active: "active", suppressed: "suppressed", pending: "pending", expired: "expired",
  },
  ko: {
    alerts: "알림", silences: "무음", none: "없습니다.", failed: "불러오지 못했습니다: ",
    more: "처음 200건만 보입니다.", since: "시작", until: "종료", by: "작성", source: "출처",
    active: "발생 중", suppressed: "억제됨", pending: "예정", expired: "만료",
  },
};
const root = document.documentElement;
const word = words[root.lang] || words.en;
const base = root.dataset.prefix;
const view = document.getElementById("view");

function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function time(text) {
  return new Date(text).toLocaleString(root.lang);
}

function pairs(labels) {
  return Object.entries(labels).map(([n, v]) => `${n}=${JSON.stringify(v)}`).join("  ");
}

function alert(item) {
  const entry = element("li");
  const state = item.status.state;
  entry.append(element("span", word[state] || state, `state ${state}`), " ");
  entry.append(element("strong", item.labels.alertname || item.fingerprint), " ");
  entry.append(element("span", `${word.since} ${time(item.startsAt)}`, "faint"));
  if (/^https?:/.test(item.generatorURL || "")) {
    const link = element("a", word.source);
    link.href = item.generatorURL;
    link.rel = "noreferrer";
    entry.append(" ", link);
  }
  entry.append(element("br"), element("code", pairs(item.labels)));
  const text = item.annotations.summary || item.annotations.description;
  if (text) entry.append(element("div", text));
  return entry;
}

function silence(item) {
  const entry = element("li");
  const state = item.status.state;
  const op = (m) => (m.isEqual === false ? (m.isRegex ? "!~" : "!=") : m.isRegex ? "=~" : "=");
  const matchers = item.matchers.map((m) => `${m.name}${op(m)}${JSON.stringify(m.value)}`);
  const link = element("a", item.id);
  link.href = `#/silences/${item.id}`;
  entry.append(element("span", word[state] || state, `state ${state}`), " ", link, " ");
  entry.append(element("span", `${word.until} ${time(item.endsAt)}, ${word.by} ${item.createdBy}`, "faint"));
  entry.append(element("br"), element("code", matchers.join("  ")), element("div", item.comment));
  return entry;
}

// A filter of a link may hold several matchers in braces; the API takes one each.
function split(filter) {
  const inside = filter.trim().replace(/^\{|\}$/g, "");
  return inside.match(/(?:[^,"]|"(?:\\.|[^"\\])*")+/g) || [];
}

function target(hash) {
  const [path, query] = hash.replace(/^#\/?/, "").split("?");
  const given = new URLSearchParams(query || "");
  const [kind, id] = path.split("/");
  const asked = new URLSearchParams();
  for (const name of ["receiver", "silenced", "inhibited", "active", "muted"]) {
    if (given.get(name)) asked.set(name, given.get(name));
  }
  for (const filter of given.getAll("filter").flatMap(split)) asked.append("filter", filter.trim());
  if (kind === "alerts") return { title: word.alerts, url: `/api/v2/alerts?${asked}`, show: alert };
  if (kind === "silences" && id && id !== "new") {
    return { title: word.silences, url: `/api/v2/silence/${encodeURIComponent(id)}`, show: silence };
  }
  if (kind === "silences") return { title: word.silences, url: `/api/v2/silences?${asked}`, show: silence };
  return undefined;
}

let turn = 0;
async function show() {
  const wanted = target(location.hash);
  const mine = ++turn;
  if (!wanted) return view.replaceChildren();
  const heading = element("h2", wanted.title);
  try {
    const answer = await fetch(base + wanted.url, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
    const items = [].concat(await answer.json());
    if (mine !== turn) return;
    const list = element("ul", undefined, "list");
    list.append(...items.slice(0, 200).map(wanted.show));
    view.replaceChildren(heading, items.length ? list : element("p", word.none));
    if (items.length > 200) view.append(element("p", word.more, "faint"));
  } catch (error) {
    if (mine === turn) view.replaceChildren(heading, element("p", word.failed + error.message));
  }
}
addEventListener("hashchange", show);
show();
