# %% [markdown] lang="en"
# # 2. A notebook becomes a package
#
# A notebook is good for trying things. A service needs something that it can install and start without you: a Python
# **package**. By convention it has two modules, `task.py`, which reads the arguments of the command line, and
# `model.py`, which is the model.

# %% [markdown] lang="es"
# # 2. El cuaderno se convierte en paquete
#
# Un cuaderno sirve para experimentar. Un servicio necesita algo que pueda instalar y arrancar sin ti: un **paquete** de
# Python. Por convención tiene dos módulos: `task.py`, que lee los argumentos de la línea de comandos, y `model.py`, que
# es el modelo.

# %%
from cloud.lab import check, copy_trainer, draw_fares, open_chapter

PROJECT, BUCKET, REGION = open_chapter()

# %% [markdown] lang="en"
# ## The modules
#
# This cell copies the modules of the trainer into `taxifare/trainer`, your own copy. Read `task.py` and `model.py`: the
# arguments come from outside, paths may begin with `gs://`, nothing depends on a notebook.

# %% [markdown] lang="es"
# ## Los módulos
#
# Esta celda copia los módulos del entrenador a `taxifare/trainer`, que es tu propia copia. Lee `task.py` y `model.py`:
# los argumentos vienen de fuera, las rutas pueden empezar por `gs://` y nada depende de un cuaderno.

# %%
print(*copy_trainer("taxifare/trainer"))

# %%
# !sed -n '1,25p' taxifare/trainer/task.py

# %%
# !grep -A 3 "class FareModel" taxifare/trainer/model.py

# %%
# !grep "add_argument" taxifare/trainer/command_line.py

# %% [markdown] lang="en"
# One module is missing. Python takes a folder for a package, and the service packs it, only if it has an
# `__init__.py`. It may be empty. Write it.

# %% [markdown] lang="es"
# Falta un módulo. Python solo considera paquete una carpeta, y el servicio solo la empaqueta, si contiene un
# `__init__.py`. Puede estar vacío. Escríbelo.

# %% tags=["solution"]
# %%writefile taxifare/trainer/__init__.py
# The trainer of the lab.

# %%
check("package")

# %% [markdown] lang="en"
# ## The data
#
# Each row is a ride: the fare in dollars, where it began and ended (longitude, latitude), the number of passengers, and
# a key. There is **no header**: a header line would be read as a ride. The trips here are invented, drawn so that they
# behave like New York's; the same number of rows is the same file everywhere.

# %% [markdown] lang="es"
# ## Los datos
#
# Cada fila es un viaje: la tarifa en dólares, dónde empezó y dónde terminó (longitud y latitud), el número de pasajeros
# y una clave. **No hay cabecera**: una línea de cabecera se leería como si fuera un viaje. Estos viajes son inventados,
# pero se comportan como los de Nueva York; con el mismo número de filas sale el mismo archivo en cualquier máquina.

# %% language="bash"
# set -e
# cd taxifare && python -m trainer.sample_data --rows 10000 --overwrite ../data
# head -3 ../data/taxi-train.csv
# wc -l ../data/*.csv

# %% [markdown] lang="en"
# Look at data before you train on them. Blue is cheap, orange is dear; the airports stand out.

# %% [markdown] lang="es"
# Mira los datos antes de entrenar con ellos. El azul es barato, el naranja es caro; los aeropuertos saltan a la vista.

# %%
draw_fares("data/taxi-train.csv")

# %%
check("data")
