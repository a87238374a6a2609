-- latent gc: deletes for good what nobody needs any more.
local args = require "latent.args"
local books = require "latent.core.books"
local choice = require "latent.choice"
local encode = require "latent.encode"
local garbage = require "latent.garbage"
local reader = require "latent.reader"
local usage = require "latent.usage"

local spec <const> = {
  command = "gc",
  summary = "delete for good: removed runs, leftovers, weights",
  positional = {},
  options = {
    { "--dry-run", help = "print what would be deleted, change nothing" },
    { "--older-than", value = "AGE", help = "what is older: 90m, 12h, 30d, 2w; 0 for any age" },
    {
      "--keep-best", value = "METRIC",
      help = "besides, weights of all but the best runs of each experiment; -METRIC: higher is better",
    },
    { "--keep", value = "N", type = "integer", min = 0, help = "with it: so many best runs keep theirs, usually 1" },
    { "--vacuum", help = "give free pages of the store back to the disk, however few they are" },
    { "-y", "--yes", help = "do not ask" },
  },
  formats = true,
  text = [[
Deleted are
  removed runs       (latent rm) with their files, 30 days after they were
                     removed, or AGE
  folders            of runs that are not in the store, untouched for 30 days, or
                     AGE; what a gc that was killed left behind, at once
  checkpoints        of runs that have ended for good: nothing reads these
  temporary files    of processes that are gone
  rows               sweeps without runs, sources of no sweep
  weights            with --keep-best only: what run:save wrote, of runs that
                     have the metric and ended at least AGE ago (default: 0). The
                     runs stay with their metrics and figures; a note says which
                     file was freed. A run without the metric is left alone, and
                     one that may go on (lost, interrupted).
Lower is better for METRIC, unless the script's target says otherwise; it may be
min(METRIC) or max(METRIC) too. Nothing is deleted of a run that is being
executed, nor what a link leads to. The store's file is made smaller when a
quarter of it is free and no run is being executed.

Exit status: 0 deleted, or nothing to delete; 1 the answer was no; 2 a mistake
in the command, or nobody to ask; 4 the store or a file.]],
  examples = {
    { "latent gc --dry-run" },
    { "latent gc --older-than 0 -y", "removed runs at once" },
    { "latent gc --keep-best test.sse --keep 3 --older-than 1w" },
  },
}

local COMPACT_SHARE <const> = 0.25
local COMPACT_BYTES <const> = 1e6

local COLUMNS <const> = {
  { "kind" }, { "run", sparse = true }, { "what" }, { "bytes", align = "right", show = usage.bytes },
}

local function sum(items)
  local bytes = 0
  for _, item in ipairs(items) do bytes = bytes + item.bytes end
  return bytes
end

local function tell_left(left)
  for _, text in ipairs(left) do io.stderr:write("left alone: ", encode.line(text), "\n") end
end

-- What the plan rests on, for people.
local function explain(plan, opt)
  local age = opt.older_than or "30d"
  for _, kept in ipairs(plan.kept or {}) do
    io.stderr:write(("kept: weights of the %s of %s, by the %s %s\n"):format(
      kept.kept == 1 and "best run" or kept.kept .. " best runs", encode.line(kept.experiment),
      kept.is_higher and "highest" or "lowest", encode.line(kept.metric)))
  end
  if plan.young then
    io.stderr:write(("%s removed less than %s ago: --older-than 0 deletes %s\n"):format(choice.count(plan.young), age,
      plan.young == 1 and "it" or "them"))
  end
  if plan.young_folders then
    io.stderr:write(("%s of no run in the store, touched less than %s ago\n"):format(
      choice.count(plan.young_folders, "folder"), age))
  end
  tell_left(plan.left)
end

-- Pages that could be given back: bytes, or nil where that is not worth it.
local function free_bytes(store, is_wanted)
  local pages = books.pages(store)
  local bytes = pages.free * pages.page_bytes
  local is_much = bytes >= COMPACT_BYTES and pages.free >= COMPACT_SHARE * pages.all
  return (is_much or is_wanted and bytes > 0) and bytes or nil
end

local function compact(store, opt)
  local bytes = free_bytes(store, opt.vacuum)
  if not bytes then return 0 end
  store:reap()
  local running = store:counts().running
  if running > 0 then
    io.stderr:write(("%s free in the store; not made smaller while %s executed\n"):format(usage.bytes(bytes),
      running == 1 and "a run is" or running .. " runs are"))
    return 0
  end
  local before = books.pages(store)
  local ok, why = books.compact(store)
  if not ok then
    io.stderr:write("the store was not made smaller: ", encode.line(why), "\n")
    return opt.vacuum and 4 or 0
  end
  local after = books.pages(store)
  io.stderr:write(("the store is smaller by %s\n"):format(
    usage.bytes(before.all * before.page_bytes - after.all * after.page_bytes)))
  return 0
end

local function run(store, plan, opt)
  local function show() choice.preview(COLUMNS, plan) end
  if #plan > 0 and not opt.yes then
    local ok, refused = choice.confirm("gc", ("delete %s, %s, for good"):format(choice.count(#plan, "thing"),
      usage.bytes(sum(plan))), show)
    if not ok then return refused end
  end
  local gone, left, faults = garbage.delete(store, plan)
  if #gone > 0 or opt.format ~= "table" then choice.write(COLUMNS, gone, opt) end
  tell_left(left)
  if #gone > 0 then
    io.stderr:write(("deleted: %s, %s\n"):format(choice.count(#gone, "thing"), usage.bytes(sum(gone))))
  end
  return math.max(faults > 0 and 4 or 0, compact(store, opt))
end

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  opt.age = opt.older_than and garbage.seconds(opt.older_than)
  if opt.older_than and not opt.age then
    return args.fail(spec, ("--older-than: found '%s', wanted such as 90m, 12h, 30d or 2w"):format(opt.older_than))
  end
  if opt.keep and not opt.keep_best then return args.fail(spec, "--keep: wanted with --keep-best METRIC only") end
  local store <close> = opt.dry_run and reader.open_only(context) or reader.open_writer(context)
  local plan = garbage.plan(store, usage.scan(store), opt)
  explain(plan, opt)
  if #plan == 0 then io.stderr:write("nothing to delete\n") end
  if not opt.dry_run then return run(store, plan, opt) end
  if #plan > 0 or opt.format ~= "table" then choice.write(COLUMNS, plan, opt) end
  if #plan > 0 then
    io.stderr:write(("%s, %s, would be deleted; nothing was\n"):format(choice.count(#plan, "thing"),
      usage.bytes(sum(plan))))
  end
  return 0
end

return { main = main, spec = spec }
