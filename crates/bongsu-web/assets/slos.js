// Service level objectives, and what is left of their error budgets.
let allSlos = [];

async function showSlos({ query }, turn, quiet) {
  const open = query.get("open");
  if (open) return showSlo(open, turn, quiet);
  enterList("slos", word.slos, () => filterForm(word.searchSlos, [
    ["standing", word.standing, [["", word.everyState], ["missed", word.missedSlo], ["at_risk", word.atRisk], ["met", word.met], ["no_data", word.noData]]],
  ], drawSlos));
  try {
    const page = await ask("/api/v1/slos?limit=1000");
    if (turn !== turns) return undefined;
    allSlos = page.items;
    drawSlos();
  } catch (error) {
    if (turn === turns) showFailure(error);
  }
  return undefined;
}

function drawSlos() {
  const { query } = here();
  const [search, standing] = [query.get("q") || "", query.get("standing") || ""];
  if (!allSlos.length) {
    showCount(word.noSlos);
    drawList([nothingYet(word.noSlosHow, [
      "# slo/shop.yaml", "apiVersion: bongsu.io/v1", "kind: ServiceLevel", "metadata: {name: shop}", "spec:", "  service: shop", "  slos:",
      "  - name: orders", "    objective: 99.5", "    sli:", "      events:",
      "        error_query: sum(rate(orders_total{result=\"bad\"}[{{.window}}]))", "        total_query: sum(rate(orders_total[{{.window}}]))",
      "    alerting: {name: OrdersFail}",
    ].join("\n")), commandLine("slo", "ls")]);
    return;
  }
  const wanted = allSlos.filter((slo) => (!standing || slo.standing === standing)
    && (!search || fits([slo.id, slo.service, slo.name, slo.description].join(" "), search)));
  // Those somebody must look at first.
  const rank = (slo) => ["missed", "at_risk", "no_data", "met"].indexOf(slo.standing);
  wanted.sort((a, b) => rank(a) - rank(b));
  showCount(word.count(wanted.length, allSlos.length));
  const list = element("ul", undefined, "list slos");
  list.append(...wanted.map(sloEntry));
  drawList([wanted.length ? list : paragraph(word.noSloFits), commandLine("slo", "ls")]);
}

function sloStanding(slo) {
  const [text, kind] = {
    met: [word.met, "resolved"], at_risk: [word.atRisk, "rule-pending"], missed: [word.missedSlo, "firing"],
  }[slo.standing] || [word.noData, "pending"];
  return element("span", text, `state ${kind}`);
}

function sloEntry(slo) {
  const entry = element("li");
  const name = link(slo.name, moved({ open: slo.id }), "name");
  name.dataset.key = `slo ${slo.id}`;
  const line = element("div", undefined, "line");
  line.append(sloStanding(slo), " ", name, " ", element("span", [slo.service, promise(slo)].join(" · "), "faint"));
  const firing = slo.alerts.filter((alert) => alert.state === "firing").length;
  if (firing) line.append(" ", element("span", `${word.firing} ${firing}`, "state firing"));
  entry.append(line, budgetBar(slo));
  const told = [];
  if (slo.sli !== null) told.push(`${word.sli} ${shownPercent(slo.sli / 100, 4)}`);
  const rate = pace(slo);
  if (rate !== null) told.push(`${word.burnRate} ${shownNumber(rate.toPrecision(3))} (${slo.pace_window})`);
  const end = budgetEnd(slo);
  if (end) told.push(end);
  const why = missing(slo, "sli");
  if (told.length) entry.append(element("div", told.join(" · "), "faint"));
  if (why) entry.append(element("div", why, "faint"));
  return entry;
}

function promise(slo) {
  return word.over(shownPercent(slo.objective / 100, 4), windowName(slo.window));
}

function windowName(window) {
  return word.units[window] || window;
}

function pace(slo) {
  const present = slo.burn_rates.find((one) => one.window === slo.pace_window);
  return present && present.rate !== null ? present.rate : null;
}

// When the budget is used up, in words.
function budgetEnd(slo) {
  if (!slo.exhausted_at) return "";
  if (slo.error_budget.remaining_ratio <= 0) return word.usedUp;
  return word.endsAt(time(slo.exhausted_at));
}

// Why a value is not known.
function missing(slo, value) {
  const one = slo.missing.find((missing) => missing.value === value);
  if (!one) return "";
  if (one.reason === "failed") return word.sloFailed + one.message;
  return { not_evaluated: word.sloNotEvaluated, no_events: word.sloNoEvents, not_counted: word.sloNotCounted }[one.reason] || one.message;
}

// How much is left, as a bar and in words.
function budgetBar(slo) {
  const left = slo.error_budget.remaining_ratio;
  const made = element("div", undefined, `budget ${slo.standing}`);
  const bar = element("div", undefined, "bar");
  bar.setAttribute("aria-hidden", "true");
  const fill = element("div");
  fill.style.inlineSize = `${100 * Math.min(1, Math.max(0, left || 0))}%`;
  bar.append(fill);
  const text = left === null ? word.budgetUnknown
    : left < 0 ? word.budgetOver(shownPercent(1 - left, 1), howLong(60 * slo.error_budget.minutes))
    : word.budgetLeft(shownPercent(left, 1), howLong(60 * slo.error_budget.remaining_minutes), howLong(60 * slo.error_budget.minutes));
  made.append(bar, element("span", text));
  return made;
}

async function showSlo(id, turn, quiet) {
  const back = paragraph();
  back.append(link(word.slos, moved({ open: null })));
  let drawn;
  try {
    drawn = oneSlo(await ask(`/api/v1/slos/${encodeURIComponent(id)}`));
  } catch (error) {
    drawn = [element("h2", id), paragraph(error.status === 404 ? word.noSloFits : word.failed + error.message)];
  }
  if (turn !== turns) return;
  drawOne([back, ...drawn, commandLine("slo", "show", id)], quiet);
}

function oneSlo(slo) {
  const line = paragraph(undefined, "line");
  line.append(sloStanding(slo), " ", element("span", [slo.service, promise(slo)].join(" · "), "faint"));
  const drawn = [element("h2", slo.name), line];
  if (slo.description) drawn.push(paragraph(slo.description, "about"));
  drawn.push(budgetBar(slo));
  const why = missing(slo, "sli");
  if (why) drawn.push(paragraph(why, "bad"));
  const budget = slo.error_budget;
  const events = budget.remaining_events;
  const noEvents = missing(slo, "events");
  drawn.push(facts([
    [word.sli, slo.sli === null ? "" : shownPercent(slo.sli / 100, 4)],
    [word.objective, promise(slo)],
    [word.windowStart, time(slo.window_start)],
    [word.covered, slo.covered === null ? "" : [shownPercent(slo.covered, slo.covered < 0.01 ? 4 : 1), " ", element("span", slo.covered < 0.99 ? word.coveredHow : "", "faint")]],
    [word.budget, `${shownPercent(budget.ratio, 4)} · ${howLong(60 * budget.minutes)}`],
    [word.budgetEvents, events === null ? (noEvents ? element("span", noEvents, "faint") : "") : word.eventsOf(shownNumber(Math.round(events)), shownNumber(Math.round(slo.events)))],
    [word.ends, budgetEnd(slo) || (slo.sli === null ? "" : word.lasts)],
    [word.due, slo.actions.join(", ")],
    [word.file, slo.line ? `${slo.file}:${slo.line}` : slo.file],
  ]));
  drawn.push(element("h3", word.burnRates), paragraph(word.burnRatesHow, "faint"));
  drawn.push(table(word.burnRates, [[word.window, "short"], [word.burnRate, "number"]], slo.burn_rates.map((one) => [
    [one.window, one.window === slo.pace_window ? element("span", ` ${word.present}`, "faint") : undefined],
    one.rate === null ? element("span", word.noData, "faint") : element("span", shownNumber(one.rate.toPrecision(4)), one.rate > 1 ? "bad" : ""),
  ])));
  drawn[drawn.length - 1].classList.add("small");
  drawn.push(element("h3", word.alertsOfIt));
  if (!slo.alerts.length) drawn.push(paragraph(word.noAlertsOfIt, "faint"));
  else {
    drawn.push(table(word.alertsOfIt, [[word.status], [word.rule], [word.labels, "less"], [word.sinceWhen]], slo.alerts.map((alert) => [
      ruleState({ type: "alerting", ...alert }), link(alert.name, ruleAddress(alert.name, alert.group)),
      element("code", pairs(alert.labels)), alert.since ? since(alert.since) : "",
    ])));
  }
  return drawn;
}
