-- Which runs a command that changes them is about, and asking before it does.
local encode = require "latent.encode"
local reader = require "latent.reader"
local sys = require "latent.core.sys"
local tables = require "latent.table"

local choice = {}

choice.HELP = "ids, starts of names, @last, @best(METRIC); or a filter, e.g. \"status=failed and lr>0.1\""

local IDS_IN_FILTER <const> = 300 -- what a filter takes has a bound
local TABLE_LIMIT <const> = 30

-- A filter compares; what names a run does not.
local function is_filter(text)
  return text:find("[=<>~]") ~= nil or text:find("%f[%w_]in%s*%(") ~= nil
end

-- The runs that the words mean: {ids = {...}, filter = text}. The filter is
-- nil where it would be too long.
function choice.runs(store, words)
  local text = table.concat(words, " ")
  local found = { ids = {} }
  if is_filter(text) then
    for i, row in ipairs(reader.rows(store, text, { { "id" } })) do found.ids[i] = row.id end
    found.filter = text
    return found
  end
  local seen = {}
  for _, word in ipairs(words) do
    local id = store:find(word)
    if not seen[id] then found.ids[#found.ids + 1] = id end
    seen[id] = true
  end
  table.sort(found.ids)
  if #found.ids <= IDS_IN_FILTER then found.filter = ("id in (%s)"):format(table.concat(found.ids, ",")) end
  return found
end

-- Rows of the ids, with the columns of latent ls: now, as they may be gone
-- from view when they are shown.
function choice.describe(store, found)
  if found.filter then
    local columns = reader.list_columns(store, found.filter, found.filter)
    return columns, reader.rows(store, found.filter, columns, "id")
  end
  local columns, rows = { { "id" }, { "name" }, { "experiment" }, { "status" }, { "seed" } }, {}
  for first = 1, #found.ids, IDS_IN_FILTER do
    local last = math.min(#found.ids, first + IDS_IN_FILTER - 1)
    local filter = ("id in (%s)"):format(table.concat(found.ids, ",", first, last))
    table.move(reader.rows(store, filter, columns, "id"), 1, IDS_IN_FILTER, #rows + 1, rows)
  end
  return columns, rows
end

-- A table is cut to what fits on a screen; JSON and CSV have all.
function choice.write(columns, rows, opt)
  if opt.format ~= "table" then return tables.write({ columns = columns, rows = rows }, opt) end
  local shown = table.move(rows, 1, TABLE_LIMIT, 1, {})
  tables.write({ columns = reader.prune(columns, shown), rows = shown }, opt)
  if #rows > #shown then print(("%d more"):format(#rows - #shown)) end
end

-- What the user is asked about: on the terminal, whatever standard output is for.
function choice.preview(columns, rows)
  local shown = table.move(rows, 1, TABLE_LIMIT, 1, {})
  tables.write({ columns = reader.prune(columns, shown), rows = shown },
    { out = io.stderr, width = tables.terminal_width() or false })
  if #rows > #shown then io.stderr:write(("%d more\n"):format(#rows - #shown)) end
end

-- "1 run", "3 runs".
function choice.count(n, what)
  return ("%d %s%s"):format(n, what or "run", n == 1 and "" or "s")
end

-- True to go on; else false and the exit status. On a terminal show() shows it,
-- and the user is asked; where there is none nobody can be.
function choice.confirm(command, what, show)
  if not sys.isatty(0) then
    io.stderr:write(("latent %s: this would %s, and nobody can be asked here: -y does it, --dry-run shows it\n"):format(
      command, what))
    return false, 2
  end
  show()
  io.stderr:write(("%s? [y/N] "):format(what))
  io.stderr:flush()
  local answer = io.read("l")
  if answer and answer:lower():find("^%s*y") then return true end
  io.stderr:write(answer and "" or "\n", "nothing was done\n")
  return false, 1
end

-- "latent restore 3 4 --db x.db" for a message.
function choice.command(name, ids, context)
  return encode.line(("latent %s %s%s"):format(name, table.concat(ids, " "), reader.db_option(context)))
end

return choice
