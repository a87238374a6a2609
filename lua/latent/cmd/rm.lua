-- latent rm: hides runs. Nothing of them is lost before latent gc.
local args = require "latent.args"
local books = require "latent.core.books"
local choice = require "latent.choice"
local reader = require "latent.reader"

local spec <const> = {
  command = "rm",
  summary = "remove runs: hidden, until latent restore or latent gc",
  positional = { { "RUN|FILTER", rest = true, field = "words", help = choice.HELP } },
  options = {
    { "-y", "--yes", help = "do not ask (more than one run is asked about)" },
    { "--dry-run", help = "print what would be removed, change nothing" },
  },
  formats = true,
  text = [[
A removed run is in no list, figure or view and cannot be resumed; one that is
queued will not begin. latent restore brings it back as it was, latent ls
--removed lists what is removed, latent gc deletes it for good, with its files.
A run that is being executed is not removed.

Exit status: 0 removed; 1 the answer was no; 2 a mistake in the command, or
nobody to ask; 3 no such run; 4 a run is being executed, or the store.]],
  examples = {
    { "latent rm 12" },
    { "latent rm \"status=failed\" --dry-run" },
    { "latent rm \"experiment=tied and test.sse>40\" -y" },
  },
}

local LISTED <const> = 20 -- ids in the line that says how to undo

local function how_to_undo(ids, context)
  if #ids <= LISTED then return choice.command("restore", ids, context) end
  return "latent restore --last" .. reader.db_option(context)
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local store <close> = opt.dry_run and reader.open(context) or reader.open_writer(context)
  local found = choice.runs(store, opt.words)
  if #found.ids == 0 then return reader.nothing(opt, "no run matches: " .. found.filter) end
  local columns, rows = choice.describe(store, found)
  local n = choice.count(#found.ids)
  local function show() choice.write(columns, rows, opt) end
  if opt.dry_run then
    show()
    io.stderr:write(n, " would be removed; nothing was\n")
    return 0
  end
  local is_asked = #found.ids > 1 and not opt.yes
  if is_asked then
    local ok, refused = choice.confirm("rm", "remove " .. n, function() choice.preview(columns, rows) end)
    if not ok then return refused end
  end
  local done = books.remove(store, found.ids)
  if not is_asked or opt.format ~= "table" then show() end
  io.stderr:write(("%s removed; to undo: %s\n"):format(choice.count(done), how_to_undo(found.ids, context)))
  return 0
end

return { main = main, spec = spec }
