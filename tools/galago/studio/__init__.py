# SPDX-License-Identifier: MIT
"""`galago studio`: from photos to a running board in one browser window, served by this computer alone.

    studio = Studio(Path("photos"))             # the folder that `galago train` takes
    serve(studio, ServeOptions(port=8765))      # until Ctrl-C

A project is a folder with one sub-folder of photos per class. What the studio adds lies in its `.galago/`,
which `galago train` does not look at: ids, thumbnails, jobs, models, deleted photos.

server          the listeners, their addresses, and the browser
app, security   the routes, and who may use them
routes/         one module for each page: what a request asks for, and the answer
studio          what the routes share: project, jobs, ports, events
project, ingest, undo, held_out, examine, store     classes and photos
events          what a page is told without asking
"""
