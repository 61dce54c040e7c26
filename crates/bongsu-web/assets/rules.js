// Rules of the server: how they are, and all that is known of one.
const MOST_RULES = 500;
let allRules = [];
let allGaps = [];

// The one of the list that was opened last.
let openedRule;

const ruleKey = (rule) => `rule ${rule.file} ${rule.group} ${rule.place}`;
const ruleAddress = (name, group) => `#/rules?${new URLSearchParams({ open: name, group })}`;

async function showRules({ query }, turn, quiet) {
  const open = query.get("open");
  if (open) return showRule(open, query.get("group"), turn, quiet);
  enterList("rules", word.rules, () => filterForm(word.searchRules, [
    ["state", word.status, [["", word.everyState], ["firing", word.firing], ["pending", word.rulePending],
      ["inactive", word.inactive], ["err", word.ruleError], ["unknown", word.notEvaluated]]],
    ["type", word.type, [["", word.everyType], ["alerting", word.alerting], ["recording", word.recording]]],
  ], drawRules));
  try {
    const [rules, last, gaps] = await Promise.all([
      ask("/prometheus/api/v1/rules"), ask("/api/v1/rules/evaluations"), ask("/api/v1/rules/gaps"),
    ]);
    if (turn !== turns) return undefined;
    const evaluations = new Map(last.items.map((one) => [ruleKey(one), one]));
    allRules = rules.data.groups.flatMap((group) => group.rules.map((rule, place) => {
      const known = { ...rule, place, group: group.name, file: group.file, of: group };
      return { ...known, last: evaluations.get(ruleKey(known)) };
    }));
    allGaps = gaps.items;
    drawRules();
  } catch (error) {
    if (turn === turns) showFailure(error);
  }
  return undefined;
}

function wantedRules() {
  const { query } = here();
  const [search, state, type] = ["q", "state", "type"].map((name) => query.get(name) || "");
  return allRules.filter((rule) => {
    if (type && rule.type !== type) return false;
    if (state && rule.state !== state && rule.health !== state) return false;
    return !search || fits([rule.name, rule.group, rule.file, rule.query, pairs(rule.labels || {})].join(" "), search);
  });
}

function drawRules() {
  const wanted = wantedRules();
  const count = (test) => wanted.filter(test).length;
  const parts = [
    [count((rule) => rule.state === "firing"), word.firing], [count((rule) => rule.state === "pending"), word.rulePending],
    [count((rule) => rule.health === "err"), word.ruleError], [count((rule) => rule.health === "unknown"), word.notEvaluated],
  ].filter(([number]) => number).map(([number, text]) => `${text} ${number}`);
  if (!allRules.length) {
    showCount(word.noRules);
    drawList([nothingYet(word.noRulesHow, "# bongsu.yaml\nrule_packs: [nodes, kubernetes]\nrule_files: ['rules/*.yaml']"), commandLine("rule", "pack", "ls")]);
    return;
  }
  showCount([word.count(Math.min(wanted.length, MOST_RULES), allRules.length), ...parts].join(" · "));
  const groups = new Map();
  for (const rule of wanted.slice(0, MOST_RULES)) {
    const key = `${rule.file} ${rule.group}`;
    groups.set(key, [...(groups.get(key) || []), rule]);
  }
  const drawn = [];
  if (allGaps.length) drawn.push(gapList(allGaps));
  for (const rules of groups.values()) drawn.push(ruleGroup(rules));
  if (!wanted.length) drawn.push(paragraph(word.noRuleFits));
  if (wanted.length > MOST_RULES) drawn.push(paragraph(word.moreRules(MOST_RULES), "faint"));
  drawn.push(commandLine("rule", "ls"));
  drawList(drawn);
}

function ruleGroup(rules) {
  const [{ of: group, last }] = rules;
  const section = element("section", undefined, "group-of-rules");
  const title = element("h3", group.name);
  const told = [group.file, word.everySeconds(howLong(group.interval))];
  if (last && last.datasource !== "local") told.push(`${word.dataSource} ${last.datasource}`);
  const line = paragraph(undefined, "faint");
  line.append(told.join(" · "));
  if (last && last.missed) line.append(" · ", element("span", word.missed(last.missed), "bad"));
  section.append(title, line, table(group.name, [
    [word.status, "short"], [word.rule], [word.health, "short less"], [word.alertsNow, "short number"], [word.evaluated, "short less"],
    [word.took, "short number less"], [word.samples, "short number less"],
  ], rules.map(ruleRow)));
  return section;
}

function ruleRow(rule) {
  const name = link(rule.name, moved({ open: rule.name, group: rule.group }), "name");
  name.dataset.key = ruleKey(rule);
  name.addEventListener("click", () => { openedRule = ruleKey(rule); });
  const named = [name];
  if (rule.lastError) named.push(element("div", rule.lastError, "bad"));
  const alerts = (rule.alerts || []).length;
  const one = rule.last && rule.last.evaluation;
  return [
    ruleState(rule), named, ruleHealth(rule), alerts || "", since(rule.lastEvaluation),
    rule.health === "unknown" ? "" : howLong(rule.evaluationTime), one ? shownNumber(one.series) : "",
  ];
}

function ruleState(rule) {
  if (rule.health === "err") return element("span", word.ruleError, "state firing");
  if (rule.type === "recording") return element("span", word.records, "faint");
  const text = { firing: word.firing, pending: word.rulePending, inactive: word.inactive }[rule.state];
  return element("span", text || rule.state, `state rule-${rule.state}`);
}

function ruleHealth(rule) {
  const [text, kind] = { ok: [word.healthy, ""], err: [word.ruleError, "bad"] }[rule.health] || [word.notEvaluated, "faint"];
  return element("span", text, kind);
}

function gapList(gaps) {
  const made = element("details");
  made.append(element("summary", word.gaps(gaps.length), "bad"));
  made.append(table(word.gaps(gaps.length), [[word.ruleGroup], [word.missedOnes, "number"], [word.from], [word.until]],
    gaps.slice(0, 100).map((gap) => [[gap.group, " ", element("span", gap.file, "faint")], gap.missed, time(gap.after), time(gap.until)])));
  return made;
}

async function showRule(name, group, turn, quiet) {
  const asked = new URLSearchParams({ "rule_name[]": name });
  if (group) asked.set("rule_group[]", group);
  const back = paragraph();
  back.append(link(word.rules, moved({ open: null, group: null })));
  let drawn;
  try {
    const [rules, stories, gaps] = await Promise.all([
      ask(`/prometheus/api/v1/rules?${asked}`), ask(`/api/v1/rules/${encodeURIComponent(name)}/evaluations`), ask("/api/v1/rules/gaps"),
    ]);
    const found = rules.data.groups.flatMap((of) => of.rules.map((rule) => ({ ...rule, group: of.name, file: of.file, of })));
    drawn = found.flatMap((rule) => oneRule(rule, stories.items, gaps.items));
    if (!found.length) drawn = [element("h2", name), paragraph(word.noRuleFits)];
  } catch (error) {
    drawn = [element("h2", name), paragraph(error.status === 404 ? word.noRuleFits : word.failed + error.message)];
  }
  if (turn !== turns) return;
  drawOne([back, ...drawn, commandLine("rule", "show", name, ...(group ? ["--group", group] : []))], quiet);
}

function oneRule(rule, stories, gaps) {
  const same = (one) => one.file === rule.file && one.group === rule.group;
  const story = stories.find((one) => same(one) && one.expr === rule.query) || stories.find(same) || { evaluations: [] };
  const local = !story.datasource || story.datasource === "local";
  const annotations = Object.entries(rule.annotations || {});
  const line = paragraph(undefined, "line");
  line.append(ruleState(rule), " ", element("span", rule.type === "alerting" ? word.alerting : word.recording, "faint"));
  const drawn = [element("h2", rule.name), line];
  if (rule.lastError) drawn.push(paragraph(rule.lastError, "bad"));
  const expression = element("pre", rule.query, "expression");
  expression.tabIndex = 0;
  expression.setAttribute("aria-label", word.expression);
  drawn.push(element("h3", word.expression), expression);
  const links = paragraph(undefined, "links-of");
  if (local && rule.query) {
    const ask = link(word.openInQuery, `#/query?${new URLSearchParams({ expr: rule.query, range: "1h" })}`);
    links.append(ask);
  }
  const runbook = runbookLink((rule.annotations || {}).runbook_url);
  if (runbook) links.append(runbook);
  if (rule.type === "alerting") {
    links.append(link(word.routedOfIt, `#/alerts?${new URLSearchParams({ filter: `alertname=${JSON.stringify(rule.name)}` })}`));
  }
  drawn.push(links, facts([
    [word.ruleGroup, [rule.group, " ", element("span", rule.file, "faint")]],
    [word.interval, howLong(rule.of.interval)],
    [word.dataSource, story.datasource],
    [word.holds, rule.duration ? howLong(rule.duration) : ""],
    [word.keepsFiring, rule.keepFiringFor ? howLong(rule.keepFiringFor) : ""],
    [word.health, ruleHealth(rule)],
    [word.evaluated, since(rule.lastEvaluation)],
    [word.took, rule.health === "unknown" ? "" : howLong(rule.evaluationTime)],
    [word.limit, rule.of.limit ? rule.of.limit : ""],
    [word.labels, pairs(rule.labels || {}) ? element("code", pairs(rule.labels)) : ""],
  ]));
  if (annotations.length) drawn.push(element("h3", word.annotations), facts(annotations));
  if (rule.type === "alerting") drawn.push(element("h3", word.alertsNow), alertTable(rule.alerts || []));
  drawn.push(element("h3", word.evaluations));
  if (story.evaluations.length) {
    drawn.push(table(word.evaluations, [[word.evaluated], [word.took, "number"], [word.samples, "number"], [word.problem]],
      story.evaluations.map((one) => [time(one.at), howLong(one.seconds), shownNumber(one.series), element("span", one.error, "bad")])));
  } else {
    drawn.push(paragraph(word.notEvaluated, "faint"));
  }
  const own = gaps.filter(same);
  if (own.length) drawn.push(gapList(own));
  return drawn;
}

function alertTable(alerts) {
  if (!alerts.length) return paragraph(word.noAlertNow, "faint");
  return table(word.alertsNow, [[word.status], [word.labels], [word.value, "number"], [word.sinceWhen]], alerts.map((alert) => {
    const { alertname, ...rest } = alert.labels;
    const about = alert.annotations.summary || alert.annotations.description;
    const state = element("span", alert.state === "firing" ? word.firing : word.rulePending, `state rule-${alert.state}`);
    const kept = alert.keepFiringSince ? element("div", word.keptSince(time(alert.keepFiringSince)), "faint") : undefined;
    return [state, [element("code", pairs(rest) || alertname), about ? element("div", about) : undefined, kept], shownNumber(alert.value), since(alert.activeAt)];
  }));
}

// A path is a page of this server; anything else that leads to the web is a link, too.
function runbookLink(address) {
  if (!address) return undefined;
  if (/^\/(?!\/)/.test(address)) return link(word.runbook, `${base}${address}?lang=${root.lang}`);
  return outside(address, word.runbook);
}
