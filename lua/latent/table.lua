-- Tables of results, for people (aligned), or for programs (JSON, CSV).
--
--   local tables = require "latent.table"
--   tables.write({
--     columns = {
--       { "id" },                                -- key, and title by default
--       { "seconds", title = "time", show = tables.duration },
--       { "test.sse", digits = 5 },              -- significant digits, default 4
--       { "rate", exact = true },                -- as written, never rounded
--       { "code", exact = 6 },                   -- the same, to 6 digits
--       { "age", spare = 1 },                    -- first to go on a narrow terminal
--     },
--     rows = { { id = 1, ["test.sse"] = 1.25 }, ... },
--   }, { format = "table" })                     -- or "json", "csv"
--
-- A column of numbers stands on the right, its numbers with as many decimals
-- as the largest needs for `digits` significant ones (each with that many
-- digits when their sizes differ a lot). JSON and CSV always
-- give the row's own values, unrounded. A missing value is blank, null, or an
-- empty field. Cells are cut to fit only when the table goes to a terminal.
local encode = require "latent.encode"

local tables = {}

local GAP <const> = "  "

-- Columns that a character takes on a terminal: the wide blocks of East Asian
-- scripts and emoji take two, combining marks none.
local function char_width(c)
  if c < 0x300 then return 1 end
  if c <= 0x36F or (c >= 0x200B and c <= 0x200F) or (c >= 0xFE00 and c <= 0xFE0F) then return 0 end
  if (c >= 0x1100 and c <= 0x115F) or (c >= 0x2E80 and c <= 0xA4CF) or (c >= 0xAC00 and c <= 0xD7A3)
    or (c >= 0xF900 and c <= 0xFAFF) or (c >= 0xFE30 and c <= 0xFE6F) or (c >= 0xFF00 and c <= 0xFF60)
    or (c >= 0x1F300 and c <= 0x1FAFF) or (c >= 0x20000 and c <= 0x3FFFD) then
    return 2
  end
  return 1
end

-- Columns that `text` (UTF-8) takes.
function tables.width(text)
  if not text:find("[\128-\255]") then return #text end
  local n = 0
  for _, c in utf8.codes(encode.utf8(text)) do n = n + char_width(c) end
  return n
end

local function is_utf8_locale()
  local name = os.getenv("LC_ALL")
  if not name or name == "" then name = os.getenv("LC_CTYPE") end
  if not name or name == "" then name = os.getenv("LANG") end
  return name ~= nil and name:lower():find("utf%-?8") ~= nil
end

local ELLIPSIS <const> = is_utf8_locale() and "…" or "~"

-- `text` in at most `room` columns, its cut marked.
function tables.cut(text, room)
  if tables.width(text) <= room then return text end
  local out, n = {}, 0
  for _, c in utf8.codes(encode.utf8(text)) do
    local w = char_width(c)
    if n + w > room - 1 then break end
    out[#out + 1] = utf8.char(c)
    n = n + w
  end
  return table.concat(out) .. ELLIPSIS
end

-- Seconds for people: "0.4s", "12s", "3m05s", "2h07m", "4d03h".
function tables.duration(s)
  if s == nil then return "" end
  if s ~= s or s < 0 or s == math.huge then return "?" end
  if s < 9.95 then return ("%.1fs"):format(s) end
  local n = math.floor(s + 0.5)
  if n < 60 then return ("%ds"):format(n) end
  if n < 3600 then return ("%dm%02ds"):format(n // 60, n % 60) end
  if n < 86400 then return ("%dh%02dm"):format(n // 3600, n % 3600 // 60) end
  return ("%dd%02dh"):format(n // 86400, n % 86400 // 3600)
end

-- A number as written in a script: 0.001, 20000, 1e-05.
function tables.exact(x)
  if math.type(x) == "integer" then return ("%d"):format(x) end
  return ("%.14g"):format(x)
end

local function exact_style(digits)
  if digits == true then return tables.exact end
  local format = "%." .. digits .. "g"
  return function(x) return math.type(x) == "integer" and tables.exact(x) or format:format(x) end
end

local function short_text(x, digits)
  local text = ("%." .. digits .. "g"):format(x)
  return tonumber(text) == x and text or nil
end

-- A function that shows the numbers of one column alike.
local function number_style(values, digits)
  local least, most, short, whole = math.huge, 0, true, true
  for _, x in ipairs(values) do
    if not encode.nonfinite(x) then
      local a = math.abs(x)
      if a > 0 then least = math.min(least, a) end
      most = math.max(most, a)
      whole = whole and math.type(x) == "integer"
      short = short and short_text(x, digits) ~= nil
    end
  end
  if whole then return tables.exact end
  if short or most == 0 or most >= 1e7 or least < most * 1e-2 or most < 1e-4 then
    return function(x) return ("%." .. digits .. "g"):format(x) end
  end
  local decimals = math.max(0, digits - 1 - math.floor(math.log(most, 10)))
  return function(x) return ("%." .. decimals .. "f"):format(x) end
end

local function show_column(column, rows)
  local numbers, only_numbers, cells = {}, true, {}
  local key = column[1]
  for _, row in ipairs(rows) do
    local value = row[key]
    if type(value) == "number" then
      numbers[#numbers + 1] = value
    elseif value ~= nil then
      only_numbers = false
    end
  end
  local style = column.exact and exact_style(column.exact) or number_style(numbers, column.digits or 4)
  for i, row in ipairs(rows) do
    local value = row[key]
    local text = ""
    if column.show then
      text = column.show(value, row) or ""
    elseif type(value) == "number" then
      text = encode.nonfinite(value) or style(value)
    elseif type(value) == "table" then
      text = encode.json(value)
    elseif value ~= nil then
      text = tostring(value)
    end
    cells[i] = encode.line(text)
  end
  local right = column.align == "right" or (column.align == nil and only_numbers and #numbers > 0)
  return cells, right
end

-- Narrows the widest columns until the sum fits.
local function fit_widths(widths, room)
  local total = -#GAP
  for _, w in ipairs(widths) do total = total + w + #GAP end
  while total > room do
    local widest = 1
    for i, w in ipairs(widths) do
      if w > widths[widest] then widest = i end
    end
    if widths[widest] <= 8 then return end
    widths[widest] = widths[widest] - 1
    total = total - 1
  end
end

-- Leaves out columns that can be spared, the least `spare` first, until the
-- others fit.
local function leave_out(columns, widths, room)
  local total = -#GAP
  for _, w in ipairs(widths) do total = total + w + #GAP end
  local kept = { table.unpack(columns) }
  while total > room do
    local least
    for i, column in ipairs(kept) do
      if column.spare and (not least or column.spare < kept[least].spare) then least = i end
    end
    if not least then break end
    total = total - #GAP - widths[least]
    table.remove(kept, least)
    table.remove(widths, least)
  end
  return kept
end

local function pad(text, width, right)
  local blanks = (" "):rep(width - tables.width(text))
  return right and blanks .. text or text .. blanks
end

-- The lines of an aligned table; `width` is the terminal's, or nil.
function tables.lines(t, width)
  local shown, right, widths = {}, {}, {}
  for j, column in ipairs(t.columns) do
    shown[column], right[column] = show_column(column, t.rows)
    widths[j] = tables.width(encode.line(column.title or column[1]))
    for _, cell in ipairs(shown[column]) do widths[j] = math.max(widths[j], tables.width(cell)) end
  end
  local columns = width and leave_out(t.columns, widths, width) or t.columns
  if width then fit_widths(widths, width) end
  local lines = {}
  local function add(cell_of)
    local cells = {}
    for j, column in ipairs(columns) do
      cells[j] = pad(tables.cut(cell_of(column), widths[j]), widths[j], right[column])
    end
    local line = table.concat(cells, GAP):gsub("%s+$", "")
    lines[#lines + 1] = width and tables.cut(line, width) or line
  end
  add(function(column) return encode.line(column.title or column[1]) end)
  for i in ipairs(t.rows) do
    add(function(column) return shown[column][i] end)
  end
  return lines
end

local function keys_of(t)
  local keys = {}
  for j, column in ipairs(t.columns) do keys[j] = column[1] end
  return keys
end

local function write_json(t, out)
  local keys = keys_of(t)
  out:write("[")
  for i, row in ipairs(t.rows) do
    out:write(i > 1 and ",\n " or "", encode.json_row(row, keys))
  end
  out:write("]\n")
end

local function is_terminal()
  local ok, sys = pcall(require, "latent.core.sys")
  return ok and sys.isatty(1)
end

local function write_csv(t, out)
  local keys = keys_of(t)
  local function line(value_of)
    local cells = {}
    for j, key in ipairs(keys) do cells[j] = encode.csv(value_of(key)) end
    local text = table.concat(cells, ",") .. "\r\n"
    if out.raw and not is_terminal() then
      out:raw(text) -- data: what latent.output would escape belongs to them
    else
      out:write(text)
    end
  end
  line(function(key) return key end)
  for _, row in ipairs(t.rows) do
    line(function(key) return row[key] end)
  end
end

-- Columns of the terminal on standard output, or nil when it is no terminal.
function tables.terminal_width()
  local ok, sys = pcall(require, "latent.core.sys")
  if not ok then return nil end
  return sys.columns(1)
end

-- options: format ("table", "json", "csv"), out (a file, standard output by
-- default), width (false: never cut).
function tables.write(t, options)
  options = options or {}
  local out = options.out or io.stdout
  if options.format == "json" then return write_json(t, out) end
  if options.format == "csv" then return write_csv(t, out) end
  local width = options.width
  if width == nil and out == io.stdout then width = tables.terminal_width() end
  for _, line in ipairs(tables.lines(t, width or nil)) do out:write(line, "\n") end
end

return tables
