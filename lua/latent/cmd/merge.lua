-- latent merge: the runs of other stores into this one.
local args = require "latent.args"
local taking = require "latent.taking"

local spec <const> = {
  command = "merge",
  summary = "take in the runs of other stores",
  positional = { { "OTHER.db", field = "others", rest = true,
    help = "stores, with their runs' files beside them, or files of latent export" } },
  options = {
    { "--only", value = "FILTER", help = "the runs there that match, instead of all" },
    { "--dry-run", help = "say what would be taken, and change nothing" },
  },
  text = [[
Into the store (--db; made when it is not there) come the runs that it lacks,
whole: config, metrics, notes, tags, sources, files. A run is known by its uuid
and keeps its name; its id here is a new one. Done again it takes nothing more.

Of a run that both have, the one that went further is kept: finished before
failed, diverged or pruned, before lost or interrupted; among equals the one
that ended later. What is finished here is never changed; notes and tags become
those of both. Runs that have not begun, or are being executed, are left.
The other store is only read. Each run is checked, and comes in a transaction of
its own: what ends this early leaves whole runs.

`latent resume` goes on with runs that came from elsewhere only when their sweep
is named: they are scripts of another machine.

Exit status: 0 fine, also when there was nothing to take; 2 a mistake in the
command; 4 a store cannot be opened, or a run was refused.]],
  examples = {
    { "latent merge /mnt/node7/results/latent.db" },
    { "latent merge --db all.db node*/latent.db --only \"status=finished\"" },
  },
}

local function main(argv, context)
  local opt, status = args.read(spec, argv)
  if not opt then return status end
  return taking.run(opt.others, opt, context)
end

return { main = main, spec = spec }
