-- Tests of latent.args, latent.encode and latent.table.
local args = require "latent.args"
local encode = require "latent.encode"
local tables = require "latent.table"

local failed = 0
local function check(what, found, wanted)
  if found ~= wanted then
    failed = failed + 1
    io.stderr:write(("FAILED %s\n  found  %s\n  wanted %s\n"):format(what, tostring(found), tostring(wanted)))
  end
end

local spec = {
  command = "ls", summary = "list runs",
  positional = { { "FILTER", optional = true, join = true, help = "which" } },
  options = {
    { "--sort", value = "KEY", default = "id", help = "sort" },
    { "--limit", value = "N", type = "integer", min = 0, default = 30, help = "limit" },
    { "--by", value = "KEY", repeated = true, help = "group" },
    { "-o", "--output", value = "FILE", help = "file" },
    { "--kind", value = "KIND", choices = { "curves", "sweep" } },
    { "--all", help = "all" },
  },
  formats = true,
}
local function parse(...) return args.parse(spec, { ... }) end
local function message(...) return select(2, args.parse(spec, { ... })) end

check("defaults", parse().sort, "id")
check("default format", parse().format, "table")
check("value", parse("--sort", "-seed").sort, "-seed")
check("inline value", parse("--sort=-seed").sort, "-seed")
check("short", parse("-o", "x.svg").output, "x.svg")
check("integer", math.type(parse("--limit", "5").limit), "integer")
check("repeated", table.concat(parse("--by", "a", "--by=b").by, "+"), "a+b")
check("flag", parse("--all").all, true)
check("joined", parse("tie=tied", "and", "code>=6").filter, "tie=tied and code>=6")
check("negative number", parse("x", ">", "-1").filter, "x > -1")
check("after --", parse("--", "--all").filter, "--all")
check("json", parse("--json").format, "json")
check("unknown", message("--limt", "3"), "unknown option --limt; did you mean --limit?")
check("unknown far", message("--zzzzzzzz"), "unknown option --zzzzzzzz")
check("unknown short", message("-x"):match("^unknown option %-x") ~= nil, true)
check("missing value", message("--sort"), "--sort: a value is missing (KEY)")
check("not whole", message("--limit", "2.5"), "--limit: found '2.5', wanted a whole number")
check("too small", message("--limit", "-1"), "--limit: found -1, wanted at least 0")
check("flag with value", message("--all=3"), "--all takes no value")
check("choice", message("--kind", "curve"),
  "--kind: found 'curve', wanted one of curves, sweep; did you mean 'curves'?")
check("both formats", message("--json", "--csv"), "--json and --csv exclude each other")
check("help", message("--sort", "x", "--help"), "help")
for _, piece in ipairs {
  "latent ls [FILTER] [options]", "--sort KEY", "[30]", "--json", "--db PATH", "may be repeated",
} do
  check("help has " .. piece, args.help(spec):find(piece, 1, true) ~= nil, true)
end
for line in args.help(spec):gmatch("[^\n]+") do check("help fits: " .. line, #line <= 80, true) end

local best = { command = "best", positional = { { "METRIC", dashed = true }, { "RUN", rest = true, optional = true } } }
check("dashed", args.parse(best, { "-test.sse" }).metric, "-test.sse")
check("rest", #args.parse(best, { "m", "1", "2" }).run, 2)
check("missing", select(2, args.parse(best, {})), "METRIC is missing")
local one = { command = "show", positional = { { "RUN" } } }
check("too many", select(2, args.parse(one, { "1", "2" })), "one argument too many: '2'")
check("nearest swaps", args.nearest("shwo", { "ls", "show", "sql" }), "show")
check("nearest none", args.nearest("zebra", { "ls", "show", "sql" }), nil)
check("nearest two letters", args.nearest("sl", { "show", "ls" }), "ls")

check("json text", encode.json('a"b\\c\n\1'), [["a\"b\\c\n\u0001"]])
-- The cases of tests/test_visible.c, text and what is shown, a line each.
for case in io.lines((os.getenv("LATENT_SOURCE") or ".") .. "/tests/reference/visible.txt") do
  local text, shown = case:match("^(.-) => (.*)$")
  if text and not case:find("^#") then
    local function read(t) return assert(load('return "' .. t .. '"'))() end
    check("visible " .. text, encode.visible(read(text)), read(shown))
  end
end
check("line", encode.line("a\tb\r\nc\27"), "a b c\\x1b")
check("json controls", encode.json("\27\u{9b}\u{202e}\u{e0041}"), '"\\u001b\\u009b\\u202e\\udb40\\udc41"')
check("json bad utf8", encode.json("a\xffb"), '"a\u{FFFD}b"')
check("json nan", encode.json_row({ a = 0 / 0, b = math.huge }, { "a", "b" }):gsub("%-?nan", "nan"),
  '{"a": null, "b": null, "nonfinite": {"a": "nan", "b": "+inf"}}')
check("json numbers", encode.json({ 1, 0.1, 1e300, 2.0, 1 / 3 }), "[1, 0.1, 1e+300, 2.0, 0.3333333333333333]")
check("json sorted", encode.json({ b = true, a = { x = 1 } }), '{"a": {"x": 1}, "b": true}')
check("json empty", encode.json({ a = encode.array({}), b = {} }), '{"a": [], "b": {}}')
check("json absent", encode.json_row({}, { "a" }), '{"a": null}')
check("csv quotes", encode.csv('say "x", y'), '"say ""x"", y"')
check("csv newline", encode.csv("a\nb"), '"a\nb"')
check("csv nan", encode.csv(0 / 0), "nan")
check("csv full precision", tonumber(encode.csv(math.pi)), math.pi)

local function lines(columns, rows, width)
  return table.concat(tables.lines({ columns = columns, rows = rows }, width), "\n")
end
check("alignment", lines({ { "id" }, { "name" }, { "sse" } }, {
  { id = 1, name = "α", sse = 1.23456 }, { id = 12, name = "b", sse = 23.456 }, { id = 3, sse = 0 / 0 },
}), "id  name    sse\n 1  α      1.23\n12  b     23.46\n 3          nan")
check("sizes that differ", lines({ { "loss" } }, { { loss = 505.7123 }, { loss = 0.123456 } }),
  "  loss\n 505.7\n0.1235")
check("integers whole", lines({ { "n" } }, { { n = 123456 }, { n = 1 } }), "     n\n123456\n     1")
check("short numbers", lines({ { "rate" } }, { { rate = 0.001 }, { rate = 0.1 } }), " rate\n0.001\n  0.1")
local rates = { { rate = 0.00047650064315443 }, { rate = 0.001 }, { rate = 7000000 } }
check("knobs", lines({ { "rate", exact = 6 } }, rates),
  "       rate\n0.000476501\n      0.001\n    7000000")
check("mixed", lines({ { "refresh" } }, { { refresh = "step" }, { refresh = 3 } }), "refresh\nstep\n3")
check("control characters", lines({ { "m" } }, { { m = "a\n\27[31mb" } }), "m\na \\x1b[31mb")
check("in titles", lines({ { "m\u{202e}\n" } }, { { ["m\u{202e}\n"] = 1 } }), "m\\u{202e}\n         1")
check("wide characters", tables.width("漢字"), 4)
check("combining", tables.width("e\u{301}"), 1)
check("cut", tables.cut("abcdefgh", 5), "abcd…")
local long = ("x"):rep(100)
check("uncut without a terminal", lines({ { "m" } }, { { m = long } }), "m\n" .. long)
for _, line in ipairs(tables.lines({ columns = { { "id" }, { "m" } }, rows = { { id = 1, m = long } } }, 40)) do
  check("fits the terminal", tables.width(line) <= 40, true)
end
local spared = { { "id" }, { "m", spare = 1 }, { "n", spare = 2 } }
check("spared last", lines(spared, { { id = 1, m = long, n = "n" } }, 40), "id  n\n 1  n")
check("nothing spared", lines(spared, { { id = 1, m = "m", n = "n" } }, 40), "id  m  n\n 1  m  n")
check("duration", table.concat({
  tables.duration(0.44), tables.duration(59.6), tables.duration(3725), tables.duration(90000),
}, " "),
  "0.4s 1m00s 1h02m 1d01h")

local out = { write = function(self, ...) for _, s in ipairs { ... } do self[#self + 1] = s end return self end }
tables.write({ columns = { { "a" }, { "b,c" } }, rows = { { a = 1 / 3, ["b,c"] = "x" } } },
  { format = "csv", out = out })
check("csv table", table.concat(out), 'a,"b,c"\r\n0.3333333333333333,x\r\n')

if failed > 0 then os.exit(1) end
print("ok")
