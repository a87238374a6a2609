-- latent restore: brings back what latent rm removed.
local args = require "latent.args"
local books = require "latent.core.books"
local choice = require "latent.choice"
local reader = require "latent.reader"

local spec <const> = {
  command = "restore",
  summary = "bring removed runs back",
  positional = { { "RUN|FILTER", rest = true, optional = true, field = "words", help = choice.HELP } },
  options = {
    { "--last", help = "those that the last latent rm removed" },
    { "--all", help = "all that are removed" },
    { "--dry-run", help = "print what would be brought back, change nothing" },
  },
  formats = true,
  text = [[
Runs come back as they were; one that was queued will be executed by the next
latent resume. What latent gc deleted is gone. latent ls --removed lists what
can be brought back; @last is the run removed last.

Exit status: 0 brought back; 2 a mistake in the command; 3 no such run is
removed; 4 the store.]],
  examples = {
    { "latent restore 12" }, { "latent restore --last" }, { "latent restore \"experiment=tied\"" },
  },
}

local LAST <const> = [[SELECT id FROM removed_runs
  WHERE removed_at = (SELECT max(removed_at) FROM removed_runs) ORDER BY id]]
local ALL <const> = "SELECT id FROM removed_runs ORDER BY id"

local function removed_ids(store, query)
  local ids = {}
  for i, row in ipairs(store:sql(query)) do ids[i] = row.id end
  if #ids == 0 then return { ids = ids, filter = "id=0" } end
  return choice.runs(store, ids)
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  local given = (#opt.words > 0 and 1 or 0) + (opt.last and 1 or 0) + (opt.all and 1 or 0)
  if given ~= 1 then return args.fail(spec, "which runs? (one of RUN|FILTER, --last, --all)") end
  local store <close> = reader.open_writer(context)
  books.show_removed(store, true)
  local found = #opt.words > 0 and choice.runs(store, opt.words) or removed_ids(store, opt.last and LAST or ALL)
  if #found.ids == 0 then
    return reader.nothing(opt, #opt.words > 0 and "no removed run matches: " .. found.filter or "no run is removed")
  end
  local columns, rows = choice.describe(store, found)
  table.insert(columns, reader.add_removal(store, rows))
  local n = opt.dry_run and #found.ids or books.restore(store, found.ids)
  choice.write(columns, rows, opt)
  io.stderr:write(choice.count(n), opt.dry_run and " would come back; nothing was changed\n" or " restored\n")
  return 0
end

return { main = main, spec = spec }
