from eaves.main import main

main(prog_name="eaves")
