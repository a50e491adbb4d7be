@echo off
rem As `run` beside it, which says what and why, for Windows' cmd.exe. What runs DVC cannot be seen
rem from here: `python` on PATH is tried, then .venv.
setlocal
if defined PYTHONPATH (set "PYTHONPATH=%CD%\src;%PYTHONPATH%") else (set "PYTHONPATH=%CD%\src")
set "CHECK=import importlib.util as u, sys; sys.exit(sys.version_info < (3, 11) or not all(map(u.find_spec, ('dvclive', 'pydantic', 'torch'))))"
for %%P in (python.exe .venv\Scripts\python.exe) do (
  %%P -c "%CHECK%" >nul 2>nul
  if not errorlevel 1 (
    %%P %*
    exit /b
  )
)
echo %1: no Python here has the pipeline's packages (on PATH, in .venv); activate the environment (.venv\Scripts\activate), or make it (README.md) 1>&2
exit /b 1
