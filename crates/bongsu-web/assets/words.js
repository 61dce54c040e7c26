// The page: alerts of every kind, what is routed, silences, rules, objectives, series, what runs, what
// could not be mapped.
// All text comes in through textContent: alert text is never markup. Every view has an address.
"use strict";
const words = {
  en: {
    alerts: "Routed alerts", silences: "Silences", none: "Nothing here.", failed: "Could not be loaded: ",
    more: "Only the first 200 are shown.", since: "since", until: "until", by: "by", source: "source",
    active: "active", suppressed: "suppressed", pending: "pending", expired: "expired",
    firing: "firing", resolved: "resolved", acknowledged: "acknowledged", maintenance: "maintenance",
    critical: "critical", high: "high", warning: "warning", info: "info", low: "low",
    feed: "Alerts", presets: "Saved searches", every: "all", search: "Search alerts",
    searchHint: "words, or a condition: severity >= 'high' && service == 'db'",
    find: "Search", asCel: "condition", asWords: "words", save: "Save search",
    saveName: "Name of the search", saved: "Saved as ", forget: "Remove search", forgetSure: (name) => `Remove the search ${name}?`, filters: "Filters", clear: "Clear filters",
    missing: "(none)", count: (shown, total) => `${shown} of ${total}`, loadMore: "Show more",
    noAlerts: "No alert fits.", noneYet: "No alert has come yet. Send one to POST /alerts/event/{provider}.",
    severity: "Severity", status: "Status", providerType: "Provider", service: "Service",
    environment: "Environment", close: "Close", ack: "Acknowledge", unack: "Take back acknowledgement",
    dismiss: "Dismiss", undismiss: "No longer dismiss", forever: "for good", hours: (n) => `for ${n} h`,
    days: (n) => `for ${n} d`, assign: "Assign", assignee: "Who takes care", note: "Note",
    saveNote: "Save note", fields: "Fields", field: "Field", value: "Value", from: "From",
    sender: "sender", instead: "instead of", once: "until the next report", history: "History", routing: "Routing",
    receiver: "receiver", silenced: "silenced by", inhibited: "inhibited by", muted: "muted by",
    sent: "sent", notSent: "not sent", lastSent: "last", notRouted: "Not routed.",
    done: "Done.", refused: "Refused: ", duplicates: "repeats", dismissed: "dismissed",
    fired: "fired", changed: "changed", edited: "changed by hand", lapsed: "something ended",
    late: "reported late", back: "given back", someone: "someone", open: "Open the sender's page",
    errors: "Not mapped", errorsIntro: "Payloads whose provider's manifest could not map them. They are kept; correct the manifest, then map them again.",
    noErrors: "Every payload could be mapped.", replay: "Map again", replayAll: "Map all again",
    drop: "Take off the list", payload: "Payload", bytes: "bytes", mapped: (n) => `Mapped: ${n} alert(s).`,
    unmapped: "Still not mapped: ", all: "All taken.", group: "Grouped by",
    workflows: "Workflows", noWorkflows: "There is none. Put files into workflows/ or save one with `bongsu workflow save`.",
    runs: "Runs", noRuns: "It has not run yet.", oneRun: "Run", run: "Run now", off: "off", version: "version", text: "Text",
    running: "runs", queued: "waits for its turn", asks: "asks", succeeded: "succeeded", runFailed: "failed", timed_out: "took too long", cancelled: "stopped",
    approve: "Approve", refuse: "Refuse", cancel: "Stop", rerun: "Run again",
    rules: "Rules", searchRules: "Filter by name, group, file, expression, label", everyState: "every state", everyType: "both types",
    type: "Type", alerting: "alerting", recording: "recording", records: "records", inactive: "inactive", rulePending: "pending", ruleError: "error",
    notEvaluated: "not evaluated yet", rule: "Rule", health: "Health", healthy: "ok", alertsNow: "Alerts now", evaluated: "Evaluated", took: "Took",
    samples: "Samples", never: "never", sinceWhen: "Since", everySeconds: (text) => `every ${text}`, dataSource: "Data source", missed: (n) => `${n} evaluation(s) missed`,
    gaps: (n) => `Gaps: ${n}`, missedOnes: "Missed", ruleGroup: "Group", noRules: "There are no rules.",
    noRulesHow: "Rules are read from the files below rules/ of the configuration directory, and from what bongsu.yaml names:",
    noRuleFits: "No rule fits.", moreRules: (n) => `Only the first ${n} are shown; filter to see others.`, expression: "Expression",
    openInQuery: "Open in query", runbook: "Runbook", routedOfIt: "Routed alerts of it", interval: "Interval", holds: "for", keepsFiring: "keep_firing_for",
    limit: "Limit", annotations: "Annotations", evaluations: "Last evaluations", problem: "Error", noAlertNow: "Nothing is pending or firing.",
    labels: "Labels", keptSince: (text) => `no longer holds since ${text}; kept firing`, commandLine: "On the command line:",
    targets: "Targets", searchTargets: "Filter by job, address, label, error", down: "down", up: "up", notScraped: "not scraped yet",
    noTargets: "Nothing is scraped.", noTargetsHow: "The server's own metrics are kept as job bongsu. More is scraped if bongsu.yaml says so:",
    noTargetFits: "No target fits.", upOf: (n, all) => `${n} of ${all} up`, noneFound: "None is scraped.", droppedOnes: (n) => `${n} dropped`,
    target: "Target", scraped: "Scraped",
    slos: "Objectives", searchSlos: "Filter by name, service, description", standing: "Standing", missedSlo: "missed", atRisk: "at risk", met: "met",
    noData: "no data", noSlos: "There are no objectives.", noSlosHow: "They are read from the files below slo/ of the configuration directory, for example:",
    noSloFits: "No objective fits.", sli: "Good events", burnRate: "Burn rate", burnRates: "Burn rates", over: (share, window) => `${share} over ${window}`,
    units: { day: "the day", week: "the week", month: "the month", quarter: "the quarter", year: "the year" },
    burnRatesHow: "How many times faster than evenly the budget is used: 1 uses all of it in the window of the objective.",
    usedUp: "the budget is used up", endsAt: (text) => `at this rate the budget ends ${text}`, lasts: "not at the present rate", present: "(present rate)",
    sloFailed: "Its rules fail: ", sloNotEvaluated: "Its rules were not evaluated yet.", sloNoEvents: "Its queries find no events.",
    sloNotCounted: "counted only with min_events", budgetUnknown: "Nothing is known of the budget.",
    budgetLeft: (share, left, all) => `${share} left: ${left} of ${all}`, budgetOver: (share, all) => `${share} of ${all} used`, objective: "Objective", windowStart: "Window since",
    covered: "Recorded", coveredHow: "of the time passed; what is older than the series kept here is not known",
    budget: "Error budget", budgetEvents: "Bad events left", eventsOf: (n, all) => `${n} (of ${all} events so far)`, ends: "Ends", due: "Due", file: "File",
    window: "Window", alertsOfIt: "Its alerts", noAlertsOfIt: "It has none.",
    query: "Query", queryHint: "PromQL, for example rate(http_requests_total[5m])", range: "Time", now: "now", lastTime: (text) => `last ${text}`,
    ask: "Ask", answer: "Answer", asking: "Asking…", metrics: "Metrics", seriesOf: (n) => `${n} series`, series: "Series", at: "At",
    queryHow: "Questions in PromQL to the series kept here. Enter asks, Shift+Enter begins a new line.", noSeries: "No series.",
    examples: [["up", "which targets answer"], ["sum by (job) (scrape_samples_scraped)", "samples of each job"], ["ALERTS", "alerts of rules"]],
    histogram: (count, sum) => `histogram: ${count} observations, sum ${sum}`, firstLines: (n) => `The chart shows the first ${n}.`,
    lastValue: "Last", least: "Least", most: "Most", everyValue: "Every value", notAnswered: "It has no answer.", chartOf: (n, from, to) => `Chart of ${n} series from ${from} to ${to}; the values are in the tables below`,
    updated: "Updated", keys: "Keys", goTo: "Go to", light: "Light", dark: "Dark", theme: "Light or dark",
    places: [
      ["f", "feed", "alerts"], ["a", "alerts", "routed alerts"], ["s", "silences", "silences"], ["r", "rules", "rules"], ["o", "slos", "objectives"],
      ["q", "query", "query"], ["t", "targets", "targets"], ["w", "workflows", "workflows"], ["e", "errors", "not mapped"], ["v", "server", "server"],
    ],
    help: [
      ["j k", "next, previous in the list"], ["Enter", "open"], ["Esc", "close"], ["/", "search, filter, query"],
      ["a", "acknowledge, or take that back"], ["d", "dismiss"], ["m", "assign"], ["n", "note"],
      ["1 … 9", "saved searches"], ["r", "load again"], ["?", "this list"],
    ],
  },
  ko: {
    alerts: "라우팅된 알림", silences: "무음", none: "없습니다.", failed: "불러오지 못했습니다: ",
    more: "처음 200건만 보입니다.", since: "시작", until: "종료", by: "작성", source: "출처",
    active: "발생 중", suppressed: "억제됨", pending: "예정", expired: "만료",
    firing: "발생 중", resolved: "해결됨", acknowledged: "확인됨", maintenance: "점검 중",
    critical: "심각", high: "높음", warning: "경고", info: "정보", low: "낮음",
    feed: "알림", presets: "저장된 검색", every: "전체", search: "알림 검색",
    searchHint: "단어 또는 조건식: severity >= 'high' && service == 'db'",
    find: "검색", asCel: "조건식", asWords: "단어", save: "검색 저장",
    saveName: "검색 이름", saved: "저장했습니다: ", forget: "검색 삭제", forgetSure: (name) => `${name} 검색을 삭제할까요?`, filters: "필터", clear: "필터 지우기",
    missing: "(없음)", count: (shown, total) => `${total}건 중 ${shown}건`, loadMore: "더 보기",
    noAlerts: "맞는 알림이 없습니다.", noneYet: "아직 알림이 없습니다. POST /alerts/event/{provider}로 보내세요.",
    severity: "심각도", status: "상태", providerType: "제공자", service: "서비스",
    environment: "환경", close: "닫기", ack: "확인", unack: "확인 취소",
    dismiss: "무시", undismiss: "무시 취소", forever: "계속", hours: (n) => `${n}시간`,
    days: (n) => `${n}일`, assign: "담당 지정", assignee: "담당자", note: "메모",
    saveNote: "메모 저장", fields: "필드", field: "필드", value: "값", from: "출처",
    sender: "발신 시스템", instead: "원래 값", once: "다음 보고까지", history: "이력", routing: "라우팅",
    receiver: "수신자", silenced: "무음", inhibited: "억제 알림", muted: "시간대 음소거",
    sent: "전송됨", notSent: "전송 실패", lastSent: "최근", notRouted: "라우팅되지 않았습니다.",
    done: "완료했습니다.", refused: "거부되었습니다: ", duplicates: "반복", dismissed: "무시됨",
    fired: "발생", changed: "변경", edited: "수동 변경", lapsed: "기한 종료",
    late: "늦게 도착", back: "원래대로", someone: "누군가", open: "발신 시스템 페이지 열기",
    errors: "매핑 실패", errorsIntro: "제공자의 매니페스트가 해석하지 못한 페이로드입니다. 보관되어 있으니 매니페스트를 고친 뒤 다시 매핑하세요.",
    noErrors: "모든 페이로드가 매핑되었습니다.", replay: "다시 매핑", replayAll: "모두 다시 매핑",
    drop: "목록에서 빼기", payload: "페이로드", bytes: "바이트", mapped: (n) => `매핑되었습니다: 알림 ${n}건.`,
    unmapped: "아직 매핑되지 않았습니다: ", all: "모두 처리했습니다.", group: "묶음 기준",
    workflows: "워크플로", noWorkflows: "아직 없습니다. workflows/에 파일을 두거나 `bongsu workflow save`로 저장하세요.",
    runs: "실행", noRuns: "아직 실행되지 않았습니다.", oneRun: "실행", run: "지금 실행", off: "꺼짐", version: "버전", text: "내용",
    running: "실행 중", queued: "순서 대기", asks: "승인 대기", succeeded: "성공", runFailed: "실패", timed_out: "시간 초과", cancelled: "중지됨",
    approve: "승인", refuse: "거절", cancel: "중지", rerun: "다시 실행",
    rules: "규칙", searchRules: "이름, 그룹, 파일, 표현식, 레이블로 거르기", everyState: "모든 상태", everyType: "모든 종류",
    type: "종류", alerting: "알림 규칙", recording: "기록 규칙", records: "기록", inactive: "정상", rulePending: "대기 중", ruleError: "오류",
    notEvaluated: "아직 평가되지 않음", rule: "규칙", health: "평가 상태", healthy: "정상", alertsNow: "현재 알림", evaluated: "평가 시각", took: "소요",
    samples: "샘플", never: "없음", sinceWhen: "시작", everySeconds: (text) => `주기 ${text}`, dataSource: "데이터 소스", missed: (n) => `평가 ${n}회 누락`,
    gaps: (n) => `누락 구간: ${n}`, missedOnes: "누락", ruleGroup: "그룹", noRules: "규칙이 없습니다.",
    noRulesHow: "규칙은 설정 디렉터리의 rules/ 아래 파일과 bongsu.yaml이 가리키는 것에서 읽습니다:",
    noRuleFits: "맞는 규칙이 없습니다.", moreRules: (n) => `처음 ${n}개만 보입니다. 걸러서 나머지를 보세요.`, expression: "표현식",
    openInQuery: "질의로 열기", runbook: "런북", routedOfIt: "라우팅된 알림", interval: "평가 주기", holds: "for", keepsFiring: "keep_firing_for",
    limit: "한도", annotations: "주석", evaluations: "최근 평가", problem: "오류", noAlertNow: "대기 중이거나 발생한 알림이 없습니다.",
    labels: "레이블", keptSince: (text) => `${text}부터 조건이 풀렸지만 발생 상태를 유지합니다`, commandLine: "명령줄:",
    targets: "수집 대상", searchTargets: "작업, 주소, 레이블, 오류로 거르기", down: "실패", up: "정상", notScraped: "아직 수집 전",
    noTargets: "수집하는 대상이 없습니다.", noTargetsHow: "서버 자신의 메트릭은 bongsu 작업으로 보관됩니다. bongsu.yaml에 적으면 더 수집합니다:",
    noTargetFits: "맞는 대상이 없습니다.", upOf: (n, all) => `${all}개 중 ${n}개 정상`, noneFound: "수집하는 것이 없습니다.", droppedOnes: (n) => `${n}개 제외됨`,
    target: "대상", scraped: "수집 시각",
    slos: "SLO", searchSlos: "이름, 서비스, 설명으로 거르기", standing: "현황", missedSlo: "미달", atRisk: "위험", met: "달성",
    noData: "데이터 없음", noSlos: "SLO가 없습니다.", noSlosHow: "설정 디렉터리의 slo/ 아래 파일에서 읽습니다. 예:",
    noSloFits: "맞는 SLO가 없습니다.", sli: "정상 비율", burnRate: "소진 속도", burnRates: "소진 속도", over: (share, window) => `${window} 기준 ${share}`,
    units: { day: "하루", week: "한 주", month: "한 달", quarter: "분기", year: "한 해" },
    burnRatesHow: "예산을 고르게 쓸 때보다 몇 배 빨리 쓰는지입니다. 1이면 목표 기간에 예산을 꼭 다 씁니다.",
    usedUp: "예산을 모두 썼습니다", endsAt: (text) => `이 속도면 ${text}에 예산이 끝납니다`, lasts: "지금 속도로는 끝나지 않습니다", present: "(현재 속도)",
    sloFailed: "규칙이 실패합니다: ", sloNotEvaluated: "규칙이 아직 평가되지 않았습니다.", sloNoEvents: "질의에 이벤트가 없습니다.",
    sloNotCounted: "min_events가 있을 때만 셉니다", budgetUnknown: "예산을 알 수 없습니다.",
    budgetLeft: (share, left, all) => `${share} 남음: ${all} 중 ${left}`, budgetOver: (share, all) => `${all}의 ${share} 사용`, objective: "목표", windowStart: "기간 시작",
    covered: "기록된 비율", coveredHow: "지난 시간 중. 여기에 보관된 것보다 오래된 값은 알 수 없습니다",
    budget: "오류 예산", budgetEvents: "남은 실패 이벤트", eventsOf: (n, all) => `${n} (지금까지 이벤트 ${all})`, ends: "예산 종료", due: "할 일", file: "파일",
    window: "구간", alertsOfIt: "이 SLO의 알림", noAlertsOfIt: "없습니다.",
    query: "질의", queryHint: "PromQL, 예: rate(http_requests_total[5m])", range: "기간", now: "지금", lastTime: (text) => `최근 ${text}`,
    ask: "질의", answer: "답", asking: "질의하는 중…", metrics: "메트릭", seriesOf: (n) => `시계열 ${n}개`, series: "시계열", at: "시각",
    queryHow: "여기에 보관된 시계열에 PromQL로 묻습니다. Enter로 실행하고 Shift+Enter로 줄을 바꿉니다.", noSeries: "시계열이 없습니다.",
    examples: [["up", "응답하는 수집 대상"], ["sum by (job) (scrape_samples_scraped)", "작업별 샘플 수"], ["ALERTS", "규칙의 알림"]],
    histogram: (count, sum) => `히스토그램: 관측 ${count}회, 합 ${sum}`, firstLines: (n) => `차트에는 처음 ${n}개만 보입니다.`,
    lastValue: "마지막", least: "최소", most: "최대", everyValue: "모든 값", notAnswered: "답이 없습니다.", chartOf: (n, from, to) => `${from}부터 ${to}까지 시계열 ${n}개의 차트. 값은 아래 표에 있습니다`,
    updated: "갱신", keys: "단축키", goTo: "이동", light: "밝게", dark: "어둡게", theme: "밝게 또는 어둡게",
    places: [
      ["f", "feed", "알림"], ["a", "alerts", "라우팅된 알림"], ["s", "silences", "무음"], ["r", "rules", "규칙"], ["o", "slos", "SLO"],
      ["q", "query", "질의"], ["t", "targets", "수집 대상"], ["w", "workflows", "워크플로"], ["e", "errors", "매핑 실패"], ["v", "server", "서버"],
    ],
    help: [
      ["j k", "목록의 다음, 이전"], ["Enter", "열기"], ["Esc", "닫기"], ["/", "검색, 거르기, 질의"],
      ["a", "확인 또는 확인 취소"], ["d", "무시"], ["m", "담당 지정"], ["n", "메모"],
      ["1 … 9", "저장된 검색"], ["r", "다시 불러오기"], ["?", "이 목록"],
    ],
  },
};
const root = document.documentElement;
const word = words[root.lang] || words.en;
const base = root.dataset.prefix;
const view = document.getElementById("view");

// A new element; nothing in it is parsed.
function element(tag, text, kind) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function button(text, act, kind) {
  const made = element("button", text, kind);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

// Only addresses that lead to the web become links.
function outside(address, text) {
  if (!/^https?:\/\//.test(address || "")) return undefined;
  const link = element("a", text);
  link.href = address;
  link.rel = "noreferrer noopener";
  return link;
}

function time(text) {
  const at = new Date(text);
  return isNaN(at) ? String(text) : at.toLocaleString(root.lang);
}

// How long ago, with the instant behind it.
function age(text) {
  const seconds = Math.max(0, (Date.now() - new Date(text)) / 1000);
  const made = element("time");
  if (isNaN(seconds)) return made;
  const [per, unit] = seconds < 90 ? [1, "second"] : seconds < 5400 ? [60, "minute"]
    : seconds < 129600 ? [3600, "hour"] : [86400, "day"];
  const style = { style: "unit", unit, unitDisplay: "narrow" };
  made.textContent = new Intl.NumberFormat(root.lang, style).format(Math.round(seconds / per));
  made.dateTime = text;
  made.title = time(text);
  return made;
}

function shownValue(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

const said = document.getElementById("said");
let saying = 0;
function say(text, bad) {
  said.textContent = text;
  said.className = bad ? "said bad" : "said";
  clearTimeout(saying);
  saying = setTimeout(() => { said.textContent = ""; }, bad ? 12000 : 4000);
}

// Asks the server; what it refuses is thrown in its words.
async function ask(path, body, method) {
  const options = { headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.method = method || "POST";
    // A form goes as it is.
    const form = body instanceof URLSearchParams;
    if (!form) options.headers["Content-Type"] = "application/json";
    options.body = form ? body : JSON.stringify(body);
  }
  let answer = await fetch(base + path, options);
  // So many questions at once the server refuses; asked again a little later it answers.
  for (let tries = 0; answer.status === 503 && body === undefined && tries < 3; tries += 1) {
    await new Promise((go) => setTimeout(go, 200 + Math.random() * 600));
    answer = await fetch(base + path, options);
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const text = await answer.text();
  let message = `${answer.status} ${text}`;
  try {
    const told = JSON.parse(text);
    message = told.message || told.error || message;
  } catch { /* not ours */ }
  const error = new Error(message);
  error.status = answer.status;
  throw error;
}

// `#/place?parameters` as its parts, and the other way.
function here() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { path: path || "feed", query: new URLSearchParams(query || "") };
}

function address(path, query) {
  const text = query.toString();
  return `#/${path}${text ? "?" + text : ""}`;
}

// The same place with other parameters; null removes one.
function moved(changes) {
  const { path, query } = here();
  for (const [name, value] of Object.entries(changes)) {
    query.delete(name);
    for (const one of [].concat(value === null ? [] : value)) query.append(name, one);
  }
  return address(path, query);
}
