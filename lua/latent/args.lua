-- Options of a command, declared once: parsing, errors and --help come from
-- the same table.
--
--   local spec = {
--     command = "ls",                       -- as typed after "latent"
--     summary = "list runs",
--     positional = { { "FILTER", optional = true, join = true, help = "..." } },
--     options = {
--       { "--sort", value = "KEY", default = "-id", help = "..." },
--       { "-o", "--output", value = "FILE", help = "..." },
--       { "--limit", value = "N", type = "integer", default = 30, help = "..." },
--       { "--by", value = "KEY", repeated = true, help = "..." },   -- a list
--       { "--all", help = "..." },                                  -- a flag
--     },
--     formats = true,                       -- adds --json and --csv
--     text = "paragraphs under the options",
--     examples = { { "latent ls tie=tied", "what it does" } },
--   }
--   local opt, status = args.read(spec, argv)  -- opt.sort, opt.output, ...
--   if not opt then return status end
--
-- A value is the next argument or follows "=": "--sort -id", "--sort=-id".
-- Short flags are not bundled. "--" ends the options. A positional marked
-- `join` takes all that is left, joined by blanks; `rest`, as a list;
-- `dashed` accepts "-name". Negative numbers are always positionals.
local args = {}

local HELP = { "-h", "--help", help = "show this help" }
local CSV = { "--csv", help = "comma-separated values, numbers unrounded" }
local DB = { "--db", value = "PATH", help = "the store (else $LATENT_DB, else results/latent.db)" }

-- Optimal string alignment distance; a difference of case counts half.
local function distance(a, b)
  local before, prev, row = {}, {}, {}
  for j = 0, #b do prev[j] = j end
  for i = 1, #a do
    row = { [0] = i }
    for j = 1, #b do
      local x, y = a:sub(i, i), b:sub(j, j)
      local cost = x == y and 0 or x:lower() == y:lower() and 0.5 or 1
      row[j] = math.min(prev[j] + 1, row[j - 1] + 1, prev[j - 1] + cost)
      if i > 1 and j > 1 and x == b:sub(j - 1, j - 1) and y == a:sub(i - 1, i - 1) then
        row[j] = math.min(row[j], before[j - 2] + 1)
      end
    end
    before, prev = prev, row
  end
  return prev[#b]
end

-- The candidate nearest to a mistyped name, or nil when none is near enough.
function args.nearest(name, candidates)
  local best, least
  for _, candidate in ipairs(candidates) do
    local d = distance(name, candidate)
    local allowed = math.max(2, math.max(#name, #candidate) // 3)
    if d <= allowed and d < math.max(#name, #candidate) and (not least or d < least) then
      best, least = candidate, d
    end
  end
  return best
end

local function all_options(spec)
  local list = {}
  for _, option in ipairs(spec.options or {}) do list[#list + 1] = option end
  if spec.formats then
    list[#list + 1] = { "--json", help = spec.json or "an array of objects, numbers unrounded" }
    list[#list + 1] = CSV
  end
  if spec.db ~= false then list[#list + 1] = DB end
  list[#list + 1] = HELP
  return list
end

-- "--no-color" -> no_color; the long name when there are two.
local function field(option)
  local name = option[2] or option[1]
  return option.field or (name:gsub("^%-+", ""):gsub("%-", "_"))
end

local function signature(option)
  local names = table.concat(option, ", ", 1, option[2] and 2 or 1)
  return option.value and names .. " " .. option.value or names
end

local function positional_text(p)
  local name = (p.rest or p.join and p.optional == nil) and p[1] .. "..." or p[1]
  return p.optional and "[" .. name .. "]" or name
end

function args.usage(spec)
  local parts = { "latent " .. spec.command }
  for _, p in ipairs(spec.positional or {}) do parts[#parts + 1] = positional_text(p) end
  parts[#parts + 1] = "[options]"
  return table.concat(parts, " ")
end

-- Two columns; the right one wrapped to 80.
local function describe(out, rows)
  local wide = 0
  for _, row in ipairs(rows) do wide = math.max(wide, #row[1]) end
  wide = math.min(wide, 26)
  for _, row in ipairs(rows) do
    local line = ("  %-" .. wide .. "s  "):format(row[1])
    local indent = (" "):rep(wide + 4)
    local empty = true
    for word in row[2]:gmatch("%S+") do
      if #line + #word > 79 and not empty then
        out[#out + 1] = (line:gsub("%s+$", ""))
        line, empty = indent, true
      end
      line, empty = line .. word .. " ", false
    end
    out[#out + 1] = (line:gsub("%s+$", ""))
  end
end

local function option_help(option)
  local text = option.help or ""
  if option.choices then text = text .. " (" .. table.concat(option.choices, ", ") .. ")" end
  if option.default ~= nil then text = text .. " [" .. tostring(option.default) .. "]" end
  if option.repeated then text = text .. " (may be repeated)" end
  return text
end

-- The whole help text, ending in a newline.
function args.help(spec)
  local out = { "latent " .. spec.command .. ": " .. (spec.summary or ""), "", "  " .. args.usage(spec), "" }
  local rows = {}
  for _, p in ipairs(spec.positional or {}) do rows[#rows + 1] = { p[1], p.help or "" } end
  if #rows > 0 then
    describe(out, rows)
    out[#out + 1] = ""
  end
  rows = {}
  for _, option in ipairs(all_options(spec)) do
    rows[#rows + 1] = { signature(option), option_help(option) }
  end
  describe(out, rows)
  if spec.text then
    out[#out + 1] = ""
    out[#out + 1] = (spec.text:gsub("%s+$", ""))
  end
  if spec.examples then
    out[#out + 1] = ""
    out[#out + 1] = "Examples:"
    rows = {}
    for _, e in ipairs(spec.examples) do
      out[#out + 1] = "  " .. (type(e) == "table" and e[1] or e)
      if type(e) == "table" and e[2] then out[#out + 1] = "      " .. e[2] end
    end
  end
  return table.concat(out, "\n") .. "\n"
end

local function convert(option, name, text)
  if option.type == "integer" then
    local value = math.tointeger(tonumber(text))
    if not value then return nil, ("%s: found '%s', wanted a whole number"):format(name, text) end
    if value < (option.min or math.mininteger) then
      return nil, ("%s: found %d, wanted at least %d"):format(name, value, option.min)
    end
    return value
  elseif option.type == "number" then
    local value = tonumber(text)
    if not value then return nil, ("%s: found '%s', wanted a number"):format(name, text) end
    return value
  end
  if option.choices then
    for _, choice in ipairs(option.choices) do
      if choice == text then return text end
    end
    local near = args.nearest(text, option.choices)
    return nil, ("%s: found '%s', wanted one of %s%s"):format(name, text,
      table.concat(option.choices, ", "), near and ("; did you mean '%s'?"):format(near) or "")
  end
  return text
end

local function store(parsed, option, value)
  local key = field(option)
  if option.repeated then
    parsed[key] = parsed[key] or {}
    table.insert(parsed[key], value)
  else
    parsed[key] = value
  end
end

local function index_options(spec)
  local known, names = {}, {}
  for _, option in ipairs(all_options(spec)) do
    for _, name in ipairs(option) do
      known[name] = option
      names[#names + 1] = name
    end
  end
  return known, names
end

local function unknown_option(name, names)
  local near = args.nearest(name, names)
  return ("unknown option %s%s"):format(name, near and ("; did you mean %s?"):format(near) or "")
end

-- Splits argv into options (put into parsed) and the list of positionals.
local function scan(spec, argv, parsed)
  local known, names = index_options(spec)
  local found, i, dashed = {}, 1, false
  for _, p in ipairs(spec.positional or {}) do dashed = dashed or p.dashed end
  while i <= #argv do
    local a = argv[i]
    local name, inline = a:match("^(%-%-[^=]+)=(.*)$")
    local option = known[name or a]
    if a == "--" then
      table.move(argv, i + 1, #argv, #found + 1, found)
      break
    elseif option and option.value then
      local text = inline
      if not text then
        i = i + 1
        text = argv[i]
      end
      if not text then return nil, ("%s: a value is missing (%s)"):format(name or a, option.value) end
      local value, message = convert(option, name or a, text)
      if value == nil then return nil, message end
      store(parsed, option, value)
    elseif option then
      if inline then return nil, ("%s takes no value"):format(name) end
      store(parsed, option, true)
    elseif a:match("^%-%-") or (a:match("^%-[^%d.]") and not dashed) then
      return nil, unknown_option(name or a, names)
    else
      found[#found + 1] = a
    end
    i = i + 1
  end
  return found
end

local function place(spec, found, parsed)
  local next_one = 1
  for _, p in ipairs(spec.positional or {}) do
    local key = p.field or p[1]:lower()
    local left = #found - next_one + 1
    if left <= 0 and not p.optional then return nil, p[1] .. " is missing" end
    if p.join and left > 0 then
      parsed[key] = table.concat(found, " ", next_one)
      next_one = #found + 1
    elseif p.rest then
      parsed[key] = table.move(found, next_one, #found, 1, {})
      next_one = #found + 1
    elseif left > 0 then
      parsed[key] = found[next_one]
      next_one = next_one + 1
    end
  end
  if next_one <= #found then
    return nil, ("one argument too many: '%s'"):format(found[next_one])
  end
  return parsed
end

-- Table of options, or nil and a message; "help" when help was asked for.
function args.parse(spec, argv)
  local parsed = {}
  for _, option in ipairs(all_options(spec)) do
    if option.default ~= nil then parsed[field(option)] = option.default end
  end
  for _, a in ipairs(argv) do
    if a == "--" then break end
    if a == "-h" or a == "--help" then return nil, "help" end
  end
  local found, message = scan(spec, argv, parsed)
  if not found then return nil, message end
  if parsed.json and parsed.csv then return nil, "--json and --csv exclude each other" end
  parsed.format = parsed.json and "json" or parsed.csv and "csv" or "table"
  return place(spec, found, parsed)
end

-- As parse, but prints: nil and the exit status that main should return.
function args.read(spec, argv)
  local parsed, message = args.parse(spec, argv)
  if parsed then return parsed end
  if message == "help" then
    io.stdout:write(args.help(spec))
    return nil, 0
  end
  return nil, args.fail(spec, message)
end

-- Says what is wrong with the arguments; the exit status.
function args.fail(spec, message)
  io.stderr:write(("latent %s: %s\nusage: %s   (latent help %s)\n"):format(
    spec.command, message, args.usage(spec), spec.command))
  return 2
end

return args
